// GizmoData's client for Node (grpc-js). Its getQuerySchema, prepare and keys send messages that are
// not Flight SQL's, so they are not tried.
import { password, port, require, run, statements, token, username } from "./shared.mjs";

const { FlightSQLClient } = require("@gizmodata/gizmosql-client");

const place = { host: "127.0.0.1", port, plaintext: true };
const client = new FlightSQLClient({ ...place, username, password });
const rows = async (statement, by = client) => (await by.execute(statement)).toArray();

await run({
  values: () => rows(statements.values),
  rows: () => rows(statements.rows),
  large: async () => (await client.execute(statements.large)).numRows,
  empty: async () => (await client.execute(statements.empty)).numRows,
  hidden: () => rows(statements.hidden),
  catalogs: () => client.getCatalogs(),
  schemas: () => client.getSchemas("invest"),
  tables: () => client.getTables("invest", "portfolio"),
  types: () => client.getTableTypes(),
  server: async () => [...(await client.getSqlInfo([0]))],
  information: async () => (await client.getSqlInfo()).size,
  token: () => rows(statements.rows, new FlightSQLClient({ ...place, token })),
  refused: () => rows(statements.rows, new FlightSQLClient({ ...place, username, password: "wrong" })),
  close: async () => (await client.close()) ?? null,
});
