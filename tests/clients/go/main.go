// Reads from a Flight SQL server with the Go client and with its database/sql driver, and prints
// what each check gave as a line of JSON.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	_ "github.com/apache/arrow-go/v18/arrow/flight/flightsql/driver"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const catalog, schema = "invest", "portfolio"

type probe struct {
	ctx    context.Context
	client *flightsql.Client
}

func main() {
	address, user, password := os.Getenv("ADDRESS"), os.Getenv("FLIGHT_USER"), os.Getenv("FLIGHT_PASSWORD")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, err := flightsql.NewClient(
		address, nil, nil, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	defer client.Close()
	_, wrong := client.Client.AuthenticateBasicToken(ctx, user, "wrong")
	tell("wrong password", nil, wrong)
	authorized, err := client.Client.AuthenticateBasicToken(ctx, user, password)
	tell("login", true, err)
	p := probe{authorized, client}
	p.metadata()
	p.statements()
	p.sessions()
	throughDatabaseSQL(ctx, address, user, password)
}

func (p probe) metadata() {
	name := catalog
	pattern, table := schema, "acc%"
	for check, info := range map[string]func() (*flight.FlightInfo, error){
		"catalogs": func() (*flight.FlightInfo, error) { return p.client.GetCatalogs(p.ctx) },
		"schemas": func() (*flight.FlightInfo, error) {
			return p.client.GetDBSchemas(p.ctx, &flightsql.GetDBSchemasOpts{Catalog: &name})
		},
		"tables": func() (*flight.FlightInfo, error) {
			return p.client.GetTables(p.ctx, &flightsql.GetTablesOpts{
				Catalog: &name, DbSchemaFilterPattern: &pattern, TableNameFilterPattern: &table,
				TableTypes: []string{"BASE TABLE", "table"}, IncludeSchema: true,
			})
		},
		"table types": func() (*flight.FlightInfo, error) { return p.client.GetTableTypes(p.ctx) },
		"primary keys": func() (*flight.FlightInfo, error) {
			return p.client.GetPrimaryKeys(p.ctx, positions())
		},
		"imported keys": func() (*flight.FlightInfo, error) {
			return p.client.GetImportedKeys(p.ctx, positions())
		},
		"sql info": func() (*flight.FlightInfo, error) {
			return p.client.GetSqlInfo(p.ctx, []flightsql.SqlInfo{})
		},
		"type info": func() (*flight.FlightInfo, error) { return p.client.GetXdbcTypeInfo(p.ctx, nil) },
	} {
		value, err := info()
		p.read(check, value, err)
	}
}

func positions() flightsql.TableRef {
	name, space := catalog, schema
	return flightsql.TableRef{Catalog: &name, DBSchema: &space, Table: "positions"}
}

func (p probe) statements() {
	info, err := p.client.Execute(p.ctx, "SELECT 1 AS a, 'x' AS b, [1, 2] AS c, NULL AS d")
	p.read("query", info, err)
	info, err = p.client.Execute(p.ctx, "SELECT holder_name FROM invest.portfolio.accounts")
	p.read("hidden column", info, err)
	_, err = p.client.ExecuteUpdate(p.ctx, "DELETE FROM invest.portfolio.accounts")
	tell("update", nil, err)
	_, err = p.client.BeginTransaction(p.ctx)
	tell("transaction", nil, err)
	if result, err := p.client.GetExecuteSchema(p.ctx, "SELECT 1 AS a"); err != nil {
		tell("schema", nil, err)
	} else {
		described, err := flight.DeserializeSchema(result.GetSchema(), memory.DefaultAllocator)
		tell("schema", fmt.Sprint(described), err)
	}
	p.prepared()
	info, err = p.client.Execute(p.ctx, "SELECT range AS a FROM range(300000)")
	if err != nil {
		tell("large", nil, err)
		return
	}
	rows, err := p.count(info)
	tell("large", rows, err)
}

func (p probe) prepared() {
	statement, err := p.client.Prepare(p.ctx, "SELECT CAST(? AS INTEGER) + 1 AS a, ? AS b")
	if err != nil {
		tell("prepared", nil, err)
		return
	}
	defer statement.Close(p.ctx)
	fields := arrow.NewSchema([]arrow.Field{
		{Name: "0", Type: arrow.PrimitiveTypes.Int64}, {Name: "1", Type: arrow.BinaryTypes.String},
	}, nil)
	for round := range 2 {
		builder := array.NewRecordBuilder(memory.DefaultAllocator, fields)
		builder.Field(0).(*array.Int64Builder).Append(int64(41 + round))
		builder.Field(1).(*array.StringBuilder).Append("text")
		statement.SetParameters(builder.NewRecordBatch())
		info, err := statement.Execute(p.ctx)
		p.read(fmt.Sprint("prepared ", round), info, err)
	}
}

func (p probe) sessions() {
	options, err := flight.NewSessionOptionValues(map[string]any{"schema": schema})
	if err != nil {
		panic(err)
	}
	request := &flight.SetSessionOptionsRequest{SessionOptions: options}
	result, err := p.client.SetSessionOptions(p.ctx, request)
	tell("set session option", len(result.GetErrors()), err)
	_, err = p.client.CloseSession(p.ctx, &flight.CloseSessionRequest{})
	tell("close session", true, err)
}

func (p probe) count(info *flight.FlightInfo) (int64, error) {
	var rows int64
	for _, endpoint := range info.Endpoint {
		reader, err := p.client.DoGet(p.ctx, endpoint.GetTicket())
		if err != nil {
			return rows, err
		}
		for reader.Next() {
			rows += reader.RecordBatch().NumRows()
		}
		err = reader.Err()
		reader.Release()
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

func (p probe) read(check string, info *flight.FlightInfo, err error) {
	if err != nil {
		tell(check, nil, err)
		return
	}
	rows := []any{}
	for _, endpoint := range info.Endpoint {
		reader, err := p.client.DoGet(p.ctx, endpoint.GetTicket())
		if err != nil {
			tell(check, nil, err)
			return
		}
		for reader.Next() {
			rows = append(rows, rowsOf(reader.RecordBatch())...)
		}
		err = reader.Err()
		reader.Release()
		if err != nil {
			tell(check, nil, err)
			return
		}
	}
	tell(check, rows, nil)
}

func rowsOf(batch arrow.RecordBatch) []any {
	rows := make([]any, batch.NumRows())
	for i := range rows {
		row := map[string]any{}
		for j, column := range batch.Columns() {
			if column.DataType().ID() != arrow.BINARY {
				row[batch.ColumnName(j)] = column.GetOneForMarshal(i)
			}
		}
		rows[i] = row
	}
	return rows
}

func throughDatabaseSQL(ctx context.Context, address, user, password string) {
	source := url.URL{Scheme: "flightsql", Host: address, User: url.UserPassword(user, password)}
	database, err := sql.Open("flightsql", source.String()+"?timeout=20s")
	if err != nil {
		tell("database/sql", nil, err)
		return
	}
	defer database.Close()
	var number int64
	var text string
	row := database.QueryRowContext(
		ctx, "SELECT CAST(? AS BIGINT) + 1, upper(CAST(? AS VARCHAR))", int64(1), "x")
	tell("database/sql", []any{&number, &text}, row.Scan(&number, &text))
}

func tell(check string, value any, err error) {
	line := map[string]any{"check": check, "value": value}
	if err != nil {
		line = map[string]any{"check": check, "error": err.Error()}
	}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		panic(err)
	}
}
