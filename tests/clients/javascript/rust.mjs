// The Rust client (arrow-flight over tonic), built for Node. A wrong password is not tried: this
// version panics on it and leaves its caller waiting.
import { password, port, require, run, statements, token, username } from "./shared.mjs";

const { createFlightSqlClient } = require("@lakehouse-rs/flight-sql-client");
const { tableFromIPC } = require("apache-arrow");

const place = { host: "127.0.0.1", port, tls: false, headers: [] };
const client = await createFlightSqlClient({ ...place, username, password });
const rows = async (answer) => tableFromIPC(await answer).toArray();
const count = async (answer) => tableFromIPC(await answer).numRows;

await run({
  values: () => rows(client.query(statements.values)),
  rows: () => rows(client.query(statements.rows)),
  large: () => count(client.query(statements.large)),
  empty: () => count(client.query(statements.empty)),
  hidden: () => rows(client.query(statements.hidden)),
  catalogs: () => rows(client.getCatalogs()),
  schemas: () => rows(client.getDbSchemas({ catalog: "invest" })),
  tables: () => rows(client.getTables({ dbSchemaFilterPattern: "port%", tableTypes: ["TABLE"] })),
  described: () => count(client.getTables({ includeSchema: true })),
  token: async () => rows((await createFlightSqlClient({ ...place, token })).query(statements.rows)),
});
