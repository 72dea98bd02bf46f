// What the programs of this folder share: packages from a cache folder, where the server is, and how
// a check tells its result.
import { createRequire } from "node:module";

export const require = createRequire(`${process.env.PACKAGES}/`);
export const port = Number(process.env.PORT);
export const username = process.env.FLIGHT_USER;
export const password = process.env.FLIGHT_PASSWORD;
export const token = process.env.FLIGHT_TOKEN;

const plain = (_key, value) => (typeof value === "bigint" ? Number(value) : value);

// Runs the checks one after the other; each prints a line of JSON.
export async function run(checks) {
  for (const [check, action] of Object.entries(checks)) {
    let line;
    try {
      line = { check, value: await action() };
    } catch (error) {
      line = { check, error: String(error.message ?? error) };
    }
    console.log(JSON.stringify(line, plain));
  }
  process.exit(0);
}

// Statements that every client is asked.
export const statements = {
  values: "SELECT 1 AS a, 'x' AS b, [1, 2] AS c, {'x': 1} AS d, NULL AS e, true AS f, 2.5::DOUBLE AS g",
  rows: "SELECT currency FROM invest.market.currencies ORDER BY 1 LIMIT 2",
  large: "SELECT range AS a, repeat('x', 1000) AS b FROM range(20000)",
  empty: "SELECT 1 AS a WHERE false",
  hidden: "SELECT holder_name FROM invest.portfolio.accounts",
};
