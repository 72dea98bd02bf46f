import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.FileFormat;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.Schema;
import org.apache.iceberg.Table;
import org.apache.iceberg.types.Type;
import org.apache.iceberg.types.Types;

/** Values of every type, other file formats, and tables without rows. */
final class Values {
  private final Rig rig;

  Values(Rig rig) {
    this.rig = rig;
  }

  List<Rig.Step> all() {
    return List.of(
        this::types, this::nested, this::nanoseconds, this::formats, this::empty, this::unread);
  }

  private void types() throws Exception {
    Type[] types = {
      Types.BooleanType.get(), Types.IntegerType.get(), Types.LongType.get(), Types.FloatType.get(),
      Types.DoubleType.get(), Types.DecimalType.of(9, 2), Types.DecimalType.of(18, 6),
      Types.DecimalType.of(38, 10), Types.DateType.get(), Types.TimeType.get(),
      Types.TimestampType.withoutZone(), Types.TimestampType.withZone(), Types.StringType.get(),
      Types.UUIDType.get(), Types.FixedType.ofLength(4), Types.BinaryType.get()
    };
    LocalDateTime late = LocalDateTime.of(2262, 4, 12, 1, 2, 3, 456789000);
    Object[][] rows = {
      {
        true, Integer.MAX_VALUE, Long.MAX_VALUE, Float.MAX_VALUE, Double.MIN_VALUE,
        new BigDecimal("9999999.99"), new BigDecimal("-999999999999.999999"),
        new BigDecimal("1234567890123456789012345678.0123456789"), LocalDate.of(9999, 12, 31),
        LocalTime.of(23, 59, 59, 999999000), late, late.atOffset(ZoneOffset.UTC), "é日本\u0001",
        UUID.fromString("f0000000-0000-4000-8000-00000000000f"), new byte[] {0, 1, (byte) 0xff, 92},
        ByteBuffer.wrap(new byte[] {0, 39, 92, (byte) 0x80})
      },
      {
        false, Integer.MIN_VALUE, Long.MIN_VALUE, Float.NaN, Double.NEGATIVE_INFINITY,
        new BigDecimal("-0.01"), new BigDecimal("0.000000"), new BigDecimal("-0.0000000001"),
        LocalDate.of(1, 1, 1), LocalTime.MIDNIGHT, LocalDateTime.of(1, 1, 1, 0, 0),
        OffsetDateTime.of(1969, 12, 31, 23, 59, 59, 999999000, ZoneOffset.UTC), "",
        new UUID(0, 0), new byte[] {0, 0, 0, 0}, ByteBuffer.wrap(new byte[0])
      },
      new Object[types.length]
    };
    Types.NestedField[] fields = new Types.NestedField[types.length];
    for (int i = 0; i < types.length; i++) {
      fields[i] = Types.NestedField.optional(i + 1, "c" + i, types[i]);
    }
    for (int version = 2; version <= 3; version++) {
      Table table = rig.create("types_v" + version, version, new Schema(fields));
      rig.append(table, rows);
      rig.done("types_v" + version, "every primitive type, extremes and NULL", Rig.JAVA);
    }
    Table evolved = rig.create("types_evolved", 2, new Schema(fields));
    rig.append(evolved, rows);
    var change = evolved.updateSchema();
    for (int i = 0; i < types.length; i++) {
      change.renameColumn("c" + i, "d" + i);
    }
    change.commit();
    evolved.updateSchema().addColumn("c1", Types.StringType.get()).moveFirst("c1").commit();
    rig.done("types_evolved", "the same after all columns were renamed", Rig.JAVA);
  }

  private void nested() throws Exception {
    Types.StructType inner =
        Types.StructType.of(
            Types.NestedField.optional(20, "a", Types.ListType.ofOptional(21, Types.UUIDType.get())),
            Types.NestedField.optional(
                22,
                "m",
                Types.MapType.ofOptional(
                    23, 24, Types.IntegerType.get(), Types.TimestampType.withZone())));
    Schema schema =
        new Schema(
            Types.NestedField.required(1, "id", Types.IntegerType.get()),
            Types.NestedField.optional(2, "s", inner),
            Types.NestedField.optional(3, "ss", Types.ListType.ofOptional(4, inner2())),
            Types.NestedField.optional(
                5,
                "ll",
                Types.ListType.ofOptional(
                    6, Types.ListType.ofOptional(7, Types.DecimalType.of(9, 2)))),
            Types.NestedField.optional(
                8,
                "mk",
                Types.MapType.ofOptional(9, 10, Types.StringType.get(), inner3())));
    Table table = rig.create("types_nested", 2, schema);
    UUID id = new UUID(1, 2);
    OffsetDateTime moment = OffsetDateTime.of(2020, 1, 1, 1, 1, 1, 1000, ZoneOffset.UTC);
    Types.StructType one = schema.findType("s").asStructType();
    Types.StructType two = schema.findType("ss.element").asStructType();
    Types.StructType three = schema.findType("mk.value").asStructType();
    rig.append(
        table,
        Rig.of(
            1,
            Rig.row(one, List.of(id), Map.of(5, moment)),
            java.util.Arrays.asList(Rig.row(two, new byte[] {1, 2}), null, Rig.row(two, (Object) null)),
            List.of(List.of(new BigDecimal("1.25")), List.of()),
            Map.of("k", Rig.row(three, LocalDate.of(2020, 1, 1), LocalTime.NOON))),
        Rig.of(2, Rig.row(one, List.of(), Map.of()), List.of(), List.of(), Map.of()),
        Rig.of(3, Rig.row(one, null, null), null, null, null),
        Rig.of(4, null, null, null, null));
    rig.done("types_nested", "lists, maps and structs within one another, empty and NULL", Rig.JAVA);
    table.updateSchema().renameColumn("s.a", "aa").addColumn("ss.element", "more", Types.UUIDType.get()).commit();
    table.updateSchema().renameColumn("mk.value.d", "dd").deleteColumn("s.m").commit();
    rig.done("types_nested", "lists, maps and structs within one another, then changed", Rig.JAVA);
  }

  private static Types.StructType inner2() {
    return Types.StructType.of(Types.NestedField.optional(30, "f", Types.FixedType.ofLength(2)));
  }

  private static Types.StructType inner3() {
    return Types.StructType.of(
        Types.NestedField.optional(40, "d", Types.DateType.get()),
        Types.NestedField.optional(41, "t", Types.TimeType.get()));
  }

  private void nanoseconds() throws Exception {
    Schema schema =
        new Schema(
            Types.NestedField.required(1, "id", Types.IntegerType.get()),
            Types.NestedField.optional(2, "n", Types.TimestampNanoType.withoutZone()),
            Types.NestedField.optional(3, "z", Types.TimestampNanoType.withZone()));
    LocalDateTime moment = LocalDateTime.of(2020, 2, 29, 12, 34, 56, 123456789);
    LocalDateTime before = LocalDateTime.of(1900, 1, 1, 0, 0, 0, 1);
    Table table = rig.create("nanoseconds", 3, schema);
    rig.append(
        table,
        Rig.of(1, moment, moment.atOffset(ZoneOffset.UTC)),
        Rig.of(2, before, before.atOffset(ZoneOffset.UTC)),
        Rig.of(3, null, null));
    rig.done("nanoseconds", "timestamps of nanoseconds, with and without a time zone", Rig.JAVA);
    Table evolved = rig.create("nanoseconds_evolved", 3, schema);
    rig.append(evolved, Rig.of(1, moment, moment.atOffset(ZoneOffset.UTC)));
    evolved.updateSchema().renameColumn("n", "nn").renameColumn("z", "n").commit();
    rig.append(evolved, Rig.of(2, before, before.atOffset(ZoneOffset.UTC)));
    rig.done("nanoseconds_evolved", "the same, renamed", Rig.JAVA);
  }

  private void formats() throws Exception {
    Schema schema = Rig.schema("id", Types.IntegerType.get(), "a", Types.StringType.get());
    for (FileFormat format : List.of(FileFormat.ORC, FileFormat.AVRO)) {
      String name = format.name().toLowerCase() + "_files";
      Table table = rig.create(name, 2, schema);
      DataFile file = rig.file(table, format, "f", Rig.rows(schema, Rig.of(1, "a"), Rig.of(2, null)));
      table.newAppend().appendFile(file).commit();
      rig.append(table, Rig.of(3, "parquet"));
      rig.refused(name, "data files in " + format.name(), Rig.JAVA);
    }
    for (String codec : List.of("snappy", "gzip", "lz4", "uncompressed")) {
      String name = "codec_" + codec;
      Table table =
          rig.create(
              name, 2, schema, PartitionSpec.unpartitioned(), "write.parquet.compression-codec", codec);
      try {
        rig.append(table, Rig.of(1, "a"), Rig.of(2, "b".repeat(500)));
      } catch (Exception | LinkageError missing) {
        rig.catalog.dropTable(
            org.apache.iceberg.catalog.TableIdentifier.of(Rig.SPACE, name), true);
        continue;
      }
      rig.done(name, "Parquet compressed by " + codec, Rig.JAVA);
    }
  }

  private void empty() throws Exception {
    Schema schema = Rig.schema("id", Types.IntegerType.get(), "u", Types.UUIDType.get());
    rig.create("never_written", 2, schema);
    rig.done("never_written", "a table that was never written", Rig.JAVA);
    Table emptied = rig.create("emptied", 1, schema);
    rig.append(emptied, Rig.of(1, null));
    emptied.newDelete().deleteFromRowFilter(org.apache.iceberg.expressions.Expressions.alwaysTrue()).commit();
    rig.done("emptied", "a table whose files were all removed", Rig.JAVA);
    Table hollow = rig.create("no_rows", 2, schema);
    rig.append(hollow);
    rig.append(hollow, Rig.of(1, null));
    rig.done("no_rows", "a data file without rows", Rig.JAVA);
    rig.sql(
        "overwritten",
        "CREATE TABLE $t (id INT, p STRING) USING iceberg PARTITIONED BY (p)",
        "INSERT INTO $t VALUES (1, 'a'), (2, 'b')",
        "INSERT OVERWRITE $t VALUES (3, 'a')");
    rig.done("overwritten", "rows that were overwritten", Rig.SPARK);
  }

  private void unread() throws Exception {
    Schema variant = Rig.schema("id", Types.IntegerType.get(), "v", Types.VariantType.get());
    rig.create("variant", 3, variant);
    rig.refused("variant", "a column of type variant", Rig.JAVA);
    Schema shape = Rig.schema("id", Types.IntegerType.get(), "g", Types.GeometryType.crs84());
    rig.create("geometry", 3, shape);
    rig.refused("geometry", "a column of type geometry", Rig.JAVA);
    Schema unknown = Rig.schema("id", Types.IntegerType.get(), "nothing", Types.UnknownType.get());
    rig.create("unknown", 3, unknown);
    rig.refused("unknown", "a column of type unknown", Rig.JAVA);
  }
}
