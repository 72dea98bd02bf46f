// LanceDB's client for Node (grpc-js).
import { password, port, require, run, statements, username } from "./shared.mjs";

const { Client } = require("@lancedb/arrow-flight-sql-client");

const place = { host: `127.0.0.1:${port}`, insecure: true };
const client = await Client.connect({ ...place, username, password });
const rows = async (statement) => (await client.query(statement)).collectToObjects();

await run({
  values: () => rows(statements.values),
  rows: () => rows(statements.rows),
  large: async () => (await rows(statements.large)).length,
  empty: async () => (await rows(statements.empty)).length,
  hidden: () => rows(statements.hidden),
  refused: () => Client.connect({ ...place, username, password: "wrong" }).then(() => "let in"),
});
