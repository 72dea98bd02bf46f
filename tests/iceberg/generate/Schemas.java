import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.AppendFiles;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.DataFiles;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.Schema;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.Table;
import org.apache.iceberg.TableProperties;
import org.apache.iceberg.expressions.Literal;
import org.apache.iceberg.mapping.MappingUtil;
import org.apache.iceberg.mapping.NameMappingParser;
import org.apache.iceberg.types.Types;

/** Schemas and partitions that changed, defaults, names, and files that carry no ids. */
final class Schemas {
  private final Rig rig;

  Schemas(Rig rig) {
    this.rig = rig;
  }

  List<Rig.Step> all() {
    return List.of(
        () -> plain(1),
        () -> plain(2),
        () -> plain(3),
        () -> evolved(1),
        () -> evolved(2),
        () -> evolved(3),
        this::renames,
        this::nested,
        this::partitions,
        this::imported,
        this::defaults,
        this::names,
        this::travelled);
  }

  private static String with(int version) {
    return " USING iceberg TBLPROPERTIES ('format-version'='" + version + "')";
  }

  private static String parted(String by, int version) {
    return " USING iceberg PARTITIONED BY (" + by + ") TBLPROPERTIES ('format-version'='" + version + "')";
  }

  private void plain(int version) throws Exception {
    String name = "plain_v" + version;
    rig.sql(
        name,
        "CREATE TABLE $t (id BIGINT NOT NULL, a STRING, b DOUBLE)" + with(version),
        "INSERT INTO $t VALUES (1, 'x', 1.5), (2, NULL, double('NaN')), (3, '', NULL)",
        "INSERT INTO $t VALUES (4, 'y', double('-Infinity'))");
    rig.done(name, "a table that never changed", Rig.SPARK);
  }

  private void evolved(int version) throws Exception {
    String name = "evolved_v" + version;
    rig.sql(
        name,
        "CREATE TABLE $t (id INT, a STRING, b FLOAT, c DECIMAL(9,2), d STRING)" + with(version),
        "INSERT INTO $t VALUES (1, 'a1', 1.5, 1.25, 'd1'), (2, NULL, NULL, NULL, NULL)",
        "ALTER TABLE $t ADD COLUMN e DATE AFTER id",
        "INSERT INTO $t VALUES (3, date '2020-01-01', 'a3', 2.5, 2.25, 'd3')",
        "ALTER TABLE $t DROP COLUMN d",
        "ALTER TABLE $t RENAME COLUMN a TO z",
        "ALTER TABLE $t ALTER COLUMN id TYPE BIGINT",
        "ALTER TABLE $t ALTER COLUMN b TYPE DOUBLE",
        "ALTER TABLE $t ALTER COLUMN c TYPE DECIMAL(18,2)",
        "ALTER TABLE $t ALTER COLUMN z FIRST",
        "INSERT INTO $t VALUES ('a4', 5000000000, NULL, 0.1D, 1234567890123456.78)");
    rig.done(name, "columns added, dropped, renamed, moved and promoted", Rig.SPARK);
  }

  private void renames() throws Exception {
    rig.sql(
        "readded",
        "CREATE TABLE $t (id INT, a STRING)" + with(2),
        "INSERT INTO $t VALUES (1, 'old')",
        "ALTER TABLE $t DROP COLUMN a",
        "INSERT INTO $t VALUES (2)",
        "ALTER TABLE $t ADD COLUMN a STRING",
        "INSERT INTO $t VALUES (3, 'new')");
    rig.done("readded", "a column dropped and added again by the same name", Rig.SPARK);
    rig.sql(
        "readded_type",
        "CREATE TABLE $t (id INT, a STRING)" + with(2),
        "INSERT INTO $t VALUES (1, 'old')",
        "ALTER TABLE $t DROP COLUMN a",
        "ALTER TABLE $t ADD COLUMN a DATE",
        "INSERT INTO $t VALUES (3, date '2001-02-03')");
    rig.done("readded_type", "the same with another type", Rig.SPARK);
    rig.sql(
        "swapped",
        "CREATE TABLE $t (a STRING, b STRING)" + with(2),
        "INSERT INTO $t VALUES ('was a', 'was b')",
        "ALTER TABLE $t RENAME COLUMN a TO x",
        "ALTER TABLE $t RENAME COLUMN b TO a",
        "ALTER TABLE $t RENAME COLUMN x TO b",
        "INSERT INTO $t (a, b) VALUES ('new a', 'new b')");
    rig.done("swapped", "two columns that swapped their names", Rig.SPARK);
    rig.sql(
        "rotated_types",
        "CREATE TABLE $t (a INT, b STRING, c BIGINT)" + with(2),
        "INSERT INTO $t VALUES (1, 'b1', 11)",
        "ALTER TABLE $t RENAME COLUMN a TO x",
        "ALTER TABLE $t RENAME COLUMN b TO a",
        "ALTER TABLE $t RENAME COLUMN c TO b",
        "ALTER TABLE $t RENAME COLUMN x TO c",
        "ALTER TABLE $t ALTER COLUMN c TYPE BIGINT",
        "INSERT INTO $t (a, b, c) VALUES ('a2', 22, 3000000000)");
    rig.done("rotated_types", "three columns that changed names, one promoted", Rig.SPARK);
  }

  private void nested() throws Exception {
    rig.sql(
        "nested_evolved",
        "CREATE TABLE $t (id INT, s STRUCT<x: INT, y: STRING>, l ARRAY<STRUCT<p: INT>>,"
            + " m MAP<STRING, STRUCT<q: INT, r: STRING>>)"
            + with(2),
        "INSERT INTO $t VALUES (1, named_struct('x', 1, 'y', 'one'), array(named_struct('p', 1), NULL),"
            + " map('k', named_struct('q', 1, 'r', 'r1'))), (2, NULL, NULL, NULL),"
            + " (3, named_struct('x', NULL, 'y', NULL), array(), map())",
        "ALTER TABLE $t ADD COLUMN s.z BIGINT FIRST",
        "ALTER TABLE $t RENAME COLUMN s.y TO w",
        "ALTER TABLE $t ADD COLUMN l.element.o STRING",
        "ALTER TABLE $t RENAME COLUMN l.element.p TO pp",
        "ALTER TABLE $t DROP COLUMN m.value.r",
        "ALTER TABLE $t ALTER COLUMN s.x TYPE BIGINT",
        "INSERT INTO $t VALUES (4, named_struct('z', 7L, 'x', 8L, 'w', 'w4'),"
            + " array(named_struct('pp', 9, 'o', 'o4')), map('n', named_struct('q', 10)))");
    rig.done("nested_evolved", "fields of structs, lists and maps changed", Rig.SPARK);
    rig.sql(
        "nested_readded",
        "CREATE TABLE $t (id INT, s STRUCT<a: INT, t: STRUCT<b: STRING, c: STRING>>)" + with(2),
        "INSERT INTO $t VALUES (1, named_struct('a', 1, 't', named_struct('b', 'b1', 'c', 'c1')))",
        "ALTER TABLE $t DROP COLUMN s.t.b",
        "ALTER TABLE $t ADD COLUMN s.t.b STRING",
        "INSERT INTO $t VALUES (2, named_struct('a', 2, 't', named_struct('c', 'c2', 'b', 'b2'))),"
            + " (3, named_struct('a', 3, 't', NULL))");
    rig.done("nested_readded", "a nested field dropped and added again", Rig.SPARK);
    rig.sql(
        "nested_beside",
        "CREATE TABLE $t (id INT, s STRUCT<x: INT>, l ARRAY<INT>)" + with(2),
        "INSERT INTO $t VALUES (1, named_struct('x', 1), array(1, NULL)), (2, NULL, NULL)",
        "ALTER TABLE $t RENAME COLUMN id TO key",
        "ALTER TABLE $t ADD COLUMN n STRUCT<v: ARRAY<STRING>>",
        "INSERT INTO $t VALUES (3, NULL, array(), named_struct('v', array('a')))");
    rig.done("nested_beside", "flat columns changed beside nested ones", Rig.SPARK);
  }

  private void partitions() throws Exception {
    String columns = "(id BIGINT, s STRING, d DATE, ts TIMESTAMP, n DECIMAL(9,2), i INT)";
    String rows =
        "INSERT INTO $t VALUES (1, 'alpha', date '2020-01-31', timestamp '2020-01-31 23:30:00', 1.25, -7),"
            + " (2, 'beta', date '1969-12-31', timestamp '1969-12-31 23:59:59.999999', -0.01, 7),"
            + " (3, NULL, NULL, NULL, NULL, NULL), (4, 'alphabet', date '2020-02-01',"
            + " timestamp '2020-02-01 00:00:00', 99.99, 0)";
    String[][] transforms = {
      {"identity", "s, i"}, {"bucket", "bucket(4, id), bucket(3, s)"},
      {"truncate", "truncate(3, s), truncate(5, i), truncate(10, n)"}, {"year", "years(ts)"},
      {"month", "months(d)"}, {"day", "days(ts)"}, {"hour", "hours(ts)"}
    };
    for (String[] each : transforms) {
      String name = "by_" + each[0];
      rig.sql(name, "CREATE TABLE $t " + columns + parted(each[1], 2), rows);
      rig.done(name, "partitioned by " + each[0], Rig.SPARK);
    }
    rig.sql(
        "by_nested",
        "CREATE TABLE $t (id INT, s STRUCT<p: STRING, x: INT>)" + parted("s.p", 2),
        "INSERT INTO $t VALUES (1, named_struct('p', 'a', 'x', 1)), (2, named_struct('p', 'b', 'x', 2))");
    rig.done("by_nested", "partitioned by a field of a struct", Rig.SPARK);
    rig.sql(
        "spec_evolved",
        "CREATE TABLE $t " + columns + with(2),
        rows,
        "ALTER TABLE $t ADD PARTITION FIELD days(ts)",
        rows,
        "ALTER TABLE $t REPLACE PARTITION FIELD days(ts) WITH months(ts)",
        "ALTER TABLE $t ADD PARTITION FIELD bucket(2, id)",
        rows,
        "ALTER TABLE $t DROP PARTITION FIELD months(ts)",
        rows);
    rig.done("spec_evolved", "a partition spec that changed three times", Rig.SPARK);
    rig.sql(
        "spec_void",
        "CREATE TABLE $t (id INT, s STRING)" + parted("s", 1),
        "INSERT INTO $t VALUES (1, 'a')",
        "ALTER TABLE $t DROP PARTITION FIELD s",
        "INSERT INTO $t VALUES (2, 'b')",
        "ALTER TABLE $t DROP COLUMN id",
        "INSERT INTO $t VALUES ('c')");
    rig.done("spec_void", "a partition field dropped (void), then a column", Rig.SPARK);
    rig.sql(
        "odd_values",
        "CREATE TABLE $t (id INT, p STRING)" + parted("p", 2),
        "INSERT INTO $t VALUES (1, 'a/b'), (2, 'a*b'), (3, '[z]'), (4, '100%'), (5, NULL), (6, ''),"
            + " (7, 'x=1'), (8, 'it''s'), (9, 'null'), (10, '__HIVE_DEFAULT_PARTITION__'), (11, 'é?#')");
    rig.done("odd_values", "partition values with special characters, NULL and ''", Rig.SPARK);
  }

  /** Hive-style folders of files that carry no ids, appended as `add_files` does. */
  private void importFrom(Table table, Path folder, String partition) throws Exception {
    AppendFiles append = table.newAppend();
    try (var walk = Files.walk(folder)) {
      List<Path> files = walk.filter(p -> p.toString().endsWith(".parquet")).sorted().toList();
      for (Path file : files) {
        var builder =
            DataFiles.builder(table.spec())
                .withPath(file.toString())
                .withFormat("parquet")
                .withFileSizeInBytes(Files.size(file))
                .withMetrics(
                    org.apache.iceberg.parquet.ParquetUtil.fileMetrics(
                        table.io().newInputFile(file.toString()),
                        org.apache.iceberg.MetricsConfig.forTable(table),
                        MappingUtil.create(table.schema())));
        if (partition != null) {
          builder.withPartitionPath(folder.relativize(file.getParent()).toString());
        }
        append.appendFile(builder.build());
      }
    }
    append.commit();
  }

  private static void mapped(Table table) {
    String mapping = NameMappingParser.toJson(MappingUtil.create(table.schema()));
    table.updateProperties().set(TableProperties.DEFAULT_NAME_MAPPING, mapping).commit();
  }

  private Path hive(String name, String select, String... by) {
    Path folder = Path.of(Rig.ROOT, Rig.SPACE, name, "data", "hive");
    rig.spark.sql(select).coalesce(1).write().partitionBy(by).parquet(folder.toString());
    return folder;
  }

  private static final String PEOPLE =
      "SELECT * FROM VALUES (1, 'ann', 'a/b', date '2020-01-01'), (2, 'bob', 'eu', date '2020-01-02'),"
          + " (3, NULL, NULL, date '2020-01-01') AS t(id, name, region, day)";

  private void imported() throws Exception {
    Schema schema =
        Rig.schema(
            "id", Types.IntegerType.get(),
            "name", Types.StringType.get(),
            "region", Types.StringType.get(),
            "day", Types.DateType.get());
    Table flat = rig.create("imported", 2, schema);
    mapped(flat);
    importFrom(flat, hive("imported", PEOPLE), null);
    rig.doneBySpark("imported", "files without ids, read by the name mapping", Rig.SPARK);

    PartitionSpec spec =
        PartitionSpec.builderFor(schema).identity("region").identity("day").build();
    Table parted = rig.create("imported_hive", 2, schema, spec);
    mapped(parted);
    importFrom(parted, hive("imported_hive", PEOPLE, "region", "day"), "");
    rig.doneBySpark("imported_hive", "a Hive table: partition columns that are not in the files", Rig.SPARK);

    Table renamed = rig.create("imported_renamed", 2, schema, spec);
    mapped(renamed);
    importFrom(renamed, hive("imported_renamed", PEOPLE, "region", "day"), "");
    renamed.updateSchema().renameColumn("name", "who").renameColumn("region", "area").commit();
    renamed.updateSchema().addColumn("name", Types.StringType.get()).commit();
    renamed.updateSchema().updateColumn("id", Types.LongType.get()).commit();
    rig.append(
        renamed,
        Rig.of(9L, "zoe", "us", java.time.LocalDate.of(2021, 1, 1), "a new name"));
    rig.doneBySpark("imported_renamed", "the same, renamed, promoted, and with native files beside", Rig.SPARK);

    Table deleted = rig.create("imported_deleted", 2, schema, spec);
    mapped(deleted);
    importFrom(deleted, hive("imported_deleted", PEOPLE, "region", "day"), "");
    Table fresh = rig.load("imported_deleted");
    for (DataFile file : fresh.currentSnapshot().addedDataFiles(fresh.io())) {
      if ("eu".equals(file.partition().get(0, String.class))) {
        rig.delete(fresh, rig.positions(fresh, file.partition(), Rig.of(file.location(), 0)));
      }
    }
    rig.delete(
        fresh,
        rig.equality(
            fresh,
            Rig.row(schema, 3, null, null, java.time.LocalDate.of(2020, 1, 1)),
            List.of("id"),
            Rig.of(3)));
    rig.doneBySpark("imported_deleted", "the same with deletes by position and equality", Rig.SPARK);

    Table inner =
        rig.create(
            "imported_nested",
            2,
            Rig.schema(
                "id", Types.IntegerType.get(),
                "s", Types.StructType.of(
                        Types.NestedField.optional(4, "x", Types.IntegerType.get()),
                        Types.NestedField.optional(5, "y", Types.StringType.get())),
                "l", Types.ListType.ofOptional(6, Types.IntegerType.get())));
    mapped(inner);
    importFrom(
        inner,
        hive(
            "imported_nested",
            "SELECT 1 AS id, named_struct('x', 1, 'y', 'one') AS s, array(1, 2) AS l"
                + " UNION ALL SELECT 2, NULL, NULL"),
        null);
    rig.doneBySpark("imported_nested", "nested columns in files without ids", Rig.SPARK);

    Types.NestedField[] many = {
      Types.NestedField.optional(1, "by", Types.IntegerType.get()),
      Types.NestedField.optional(2, "sh", Types.LongType.get()),
      Types.NestedField.optional(3, "fl", Types.DoubleType.get()),
      Types.NestedField.optional(4, "de", Types.DecimalType.of(18, 2)),
      Types.NestedField.optional(5, "da", Types.DateType.get()),
      Types.NestedField.optional(6, "ts", Types.TimestampType.withZone()),
      Types.NestedField.optional(7, "st", Types.StringType.get()),
      Types.NestedField.optional(8, "bi", Types.BinaryType.get()),
      Types.NestedField.optional(9, "bo", Types.BooleanType.get())
    };
    Table typed =
        rig.create(
            "imported_types",
            2,
            new Schema(many),
            PartitionSpec.unpartitioned(),
            "read.parquet.vectorization.enabled", // Spark's vectorised reader fails on them
            "false");
    mapped(typed);
    importFrom(
        typed,
        hive(
            "imported_types",
            "SELECT 1Y AS `by`, 2S AS sh, 1.5F AS fl, 1.25BD AS de, date '1969-12-31' AS da,"
                + " timestamp '1969-12-31 23:59:59.123456' AS ts, 'é' AS st, X'00ff' AS bi, true AS bo"
                + " UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL"),
        null);
    rig.doneBySpark("imported_types", "small integers, old timestamps (INT96) and others", Rig.SPARK);

    Table unmapped = rig.create("imported_unmapped", 2, schema);
    importFrom(unmapped, hive("imported_unmapped", PEOPLE), null);
    rig.doneBySpark("imported_unmapped", "files without ids, and no name mapping", Rig.SPARK);
    Table lost = rig.create("imported_lost", 2, schema);
    importFrom(lost, hive("imported_lost", PEOPLE), null);
    lost.updateSchema().renameColumn("name", "who").commit();
    rig.refused("imported_lost", "the same, renamed since", Rig.SPARK);
  }

  private void defaults() throws Exception {
    Schema schema = new Schema(Types.NestedField.required(1, "id", Types.IntegerType.get()));
    Table table = rig.create("defaults", 3, schema);
    rig.append(table, Rig.of(1), Rig.of(2));
    table
        .updateSchema()
        .addColumn("i", Types.IntegerType.get(), Literal.of(7))
        .addColumn("l", Types.LongType.get(), Literal.of(5000000000L))
        .addColumn("s", Types.StringType.get(), Literal.of("it's \"x\""))
        .addColumn("b", Types.BooleanType.get(), Literal.of(true))
        .addColumn("f", Types.FloatType.get(), Literal.of(1.5f))
        .addColumn("d", Types.DoubleType.get(), Literal.of(-2.25))
        .addColumn("day", Types.DateType.get(), Literal.of("2020-02-29").to(Types.DateType.get()))
        .addColumn(
            "ts",
            Types.TimestampType.withoutZone(),
            Literal.of("2020-02-29T12:34:56.789012").to(Types.TimestampType.withoutZone()))
        .addColumn(
            "tz",
            Types.TimestampType.withZone(),
            Literal.of("2020-02-29T12:34:56.789012+00:00").to(Types.TimestampType.withZone()))
        .addColumn("t", Types.TimeType.get(), Literal.of("23:59:59.999999").to(Types.TimeType.get()))
        .addColumn(
            "n", Types.DecimalType.of(9, 2), Literal.of(new java.math.BigDecimal("-1.25")))
        .addColumn(
            "bin",
            Types.BinaryType.get(),
            Literal.of(java.nio.ByteBuffer.wrap(new byte[] {1, (byte) 0xff, 0, 92})))
        .addColumn("u", Types.UUIDType.get(), Literal.of(java.util.UUID.fromString("12345678-1234-5678-1234-567812345678")))
        .addColumn(
            "fx", Types.FixedType.ofLength(2), Literal.of(new byte[] {(byte) 0xab, 0}).to(Types.FixedType.ofLength(2)))
        .commit();
    Object[] nulls = new Object[15];
    nulls[0] = 3;
    rig.append(table, nulls);
    rig.done("defaults", "defaults of every simple type; explicit NULLs stay", Rig.JAVA);

    Table nanoseconds = rig.create("defaults_nanoseconds", 3, schema);
    rig.append(nanoseconds, Rig.of(1));
    nanoseconds
        .updateSchema()
        .addColumn(
            "ns",
            Types.TimestampNanoType.withoutZone(),
            Literal.of("2020-02-29T12:34:56.789012345").to(Types.TimestampNanoType.withoutZone()))
        .commit();
    rig.refused("defaults_nanoseconds", "a default of nanoseconds, which pyiceberg cannot read", Rig.JAVA);

    Table required = rig.create("defaults_required", 3, schema);
    rig.append(required, Rig.of(1));
    required
        .updateSchema()
        .addRequiredColumn("s", Types.StringType.get(), Literal.of("first"))
        .commit();
    required.updateSchema().updateColumnDefault("s", Literal.of("second")).commit();
    rig.append(required, Rig.of(2, "given"));
    required.updateSchema().renameColumn("s", "r").commit();
    rig.done("defaults_required", "a required default; the write default changed later", Rig.JAVA);

    Schema nested =
        new Schema(
            Types.NestedField.required(1, "id", Types.IntegerType.get()),
            Types.NestedField.optional(
                2,
                "s",
                Types.StructType.of(
                    Types.NestedField.optional(3, "x", Types.IntegerType.get()))),
            Types.NestedField.optional(
                4,
                "l",
                Types.ListType.ofOptional(
                    5,
                    Types.StructType.of(
                        Types.NestedField.optional(6, "p", Types.IntegerType.get())))));
    Table deep = rig.create("defaults_nested", 3, nested);
    var struct = nested.findType("s").asStructType();
    var element = nested.findType("l").asListType().elementType().asStructType();
    rig.append(
        deep,
        Rig.of(1, Rig.row(struct, 1), List.of(Rig.row(element, 4))),
        Rig.of(2, null, null));
    deep.updateSchema()
        .addColumn("s", "y", Types.StringType.get(), Literal.of("deep"))
        .addColumn("l.element", "q", Types.LongType.get(), Literal.of(9L))
        .commit();
    struct = deep.schema().findType("s").asStructType();
    element = deep.schema().findType("l").asListType().elementType().asStructType();
    rig.append(deep, Rig.of(3, Rig.row(struct, 3, null), List.of(Rig.row(element, 6, null))));
    rig.done("defaults_nested", "defaults of nested fields", Rig.JAVA);
  }

  private void names() throws Exception {
    String[] names = {
      "a b", "a.b", "quo\"te", "select", "it's", "Ünï", "x}y", "日本", "1st", "a-b", "_", "file_index",
      "filename", "file_row_number", "rowid", "é"
    };
    Types.NestedField[] fields = new Types.NestedField[names.length];
    Object[] values = new Object[names.length];
    for (int i = 0; i < names.length; i++) {
      fields[i] = Types.NestedField.optional(i + 1, names[i], Types.IntegerType.get());
      values[i] = i;
    }
    Table table = rig.create("odd_names", 2, new Schema(fields));
    rig.append(table, values);
    table.updateSchema().renameColumn("a b", "a  b").commit();
    rig.append(table, values);
    DataFile file = rig.append(table, values);
    rig.delete(table, rig.positions(table, null, Rig.of(file.location(), 0)));
    rig.done("odd_names", "column names with spaces, dots, quotes, keywords and letters", Rig.JAVA);

    Table cased =
        rig.create(
            "cased",
            2,
            Rig.schema("id", Types.IntegerType.get(), "ID", Types.IntegerType.get()));
    rig.append(cased, Rig.of(1, 2));
    rig.refused("cased", "column names that differ only in case", Rig.JAVA);

    Table once =
        rig.create(
            "cased_once",
            2,
            Rig.schema("id", Types.IntegerType.get(), "ID", Types.IntegerType.get()));
    rig.append(once, Rig.of(1, 2));
    once.updateSchema().renameColumn("ID", "other").commit();
    rig.append(once, Rig.of(3, 4));
    rig.done("cased_once", "files whose names differ only in case, renamed since", Rig.JAVA);

    Table glob = rig.create("glob_files", 2, Rig.schema("id", Types.IntegerType.get()));
    int number = 0;
    for (String each : List.of("a*", "[a]", "a{b,c}", "it's", "a b", "100%25", "ab")) {
      DataFile one =
          rig.file(
              glob,
              org.apache.iceberg.FileFormat.PARQUET,
              each,
              Rig.rows(glob.schema(), Rig.of(number++)));
      glob.newAppend().appendFile(one).commit();
    }
    rig.done("glob_files", "file names with glob characters", Rig.JAVA);
    Table question = rig.create("question_file", 2, glob.schema());
    DataFile asked =
        rig.file(
            question,
            org.apache.iceberg.FileFormat.PARQUET,
            "a?b#c",
            Rig.rows(glob.schema(), Rig.of(1)));
    question.newAppend().appendFile(asked).commit();
    rig.done("question_file", "a file name with ? and #", Rig.JAVA);
  }

  private void travelled() throws Exception {
    Table table =
        rig.sql(
            "travelled",
            "CREATE TABLE $t (id INT, a STRING)" + with(2),
            "INSERT INTO $t VALUES (1, 'one')");
    Snapshot old = table.currentSnapshot();
    rig.sql(
        "travelled",
        "ALTER TABLE $t RENAME COLUMN a TO b",
        "ALTER TABLE $t ADD COLUMN c INT",
        "INSERT INTO $t VALUES (2, 'two', 2)",
        "DELETE FROM $t WHERE id = 1");
    rig.doneAt("travelled", "an older snapshot, by its own schema", Rig.SPARK, old);
  }
}
