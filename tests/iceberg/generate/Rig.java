import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.DeleteFile;
import org.apache.iceberg.FileFormat;
import org.apache.iceberg.PartitionKey;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.Schema;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.StructLike;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.Namespace;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.data.GenericAppenderFactory;
import org.apache.iceberg.data.GenericRecord;
import org.apache.iceberg.data.IcebergGenerics;
import org.apache.iceberg.data.InternalRecordWrapper;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.deletes.BaseDVFileWriter;
import org.apache.iceberg.deletes.PositionDelete;
import org.apache.iceberg.encryption.EncryptedFiles;
import org.apache.iceberg.encryption.EncryptedOutputFile;
import org.apache.iceberg.encryption.EncryptionKeyMetadata;
import org.apache.iceberg.hadoop.HadoopCatalog;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.io.OutputFileFactory;
import org.apache.iceberg.types.Type;
import org.apache.iceberg.types.Types;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Makes tables with Iceberg's own writers, and tells the truth about them by its own reader. */
final class Rig {
  /** All tables lie here; exactly 60 characters, so that it can be replaced byte by byte. */
  static final String ROOT = "/tmp/flight-server-fixtures/" + "0".repeat(32);

  static final String SPACE = "s";

  /** Who wrote a table. */
  static final String SPARK = "Spark";

  static final String JAVA = "Iceberg Java";

  interface Step {
    void run() throws Exception;
  }

  final HadoopCatalog catalog = new HadoopCatalog(new Configuration(), ROOT);
  final SparkSession spark;
  private final Map<String, Object> cases = new TreeMap<>();
  private int number;

  Rig(SparkSession spark) {
    this.spark = spark;
    catalog.createNamespace(Namespace.of(SPACE));
  }

  Table create(String name, int version, Schema schema, PartitionSpec spec, String... options) {
    Map<String, String> properties = new LinkedHashMap<>();
    properties.put("format-version", String.valueOf(version));
    properties.put("write.delete.parquet.compression-codec", "uncompressed");
    for (int i = 0; i < options.length; i += 2) {
      properties.put(options[i], options[i + 1]);
    }
    return catalog.createTable(TableIdentifier.of(SPACE, name), schema, spec, properties);
  }

  Table create(String name, int version, Schema schema) {
    return create(name, version, schema, PartitionSpec.unpartitioned());
  }

  Table load(String name) {
    return catalog.loadTable(TableIdentifier.of(SPACE, name));
  }

  /** Runs statements; `$t` is the table. */
  Table sql(String name, String... statements) {
    for (String statement : statements) {
      spark.sql(statement.replace("$t", "lake." + SPACE + ".`" + name + "`"));
    }
    return load(name);
  }

  /** Optional columns, numbered from 1: a name and a type each. */
  static Schema schema(Object... columns) {
    Types.NestedField[] fields = new Types.NestedField[columns.length / 2];
    for (int i = 0; i < fields.length; i++) {
      String name = (String) columns[2 * i];
      fields[i] = Types.NestedField.optional(i + 1, name, (Type) columns[2 * i + 1]);
    }
    return new Schema(fields);
  }

  static Record row(Schema schema, Object... values) {
    return row(schema.asStruct(), values);
  }

  static Record row(Types.StructType type, Object... values) {
    Record record = GenericRecord.create(type);
    for (int i = 0; i < values.length; i++) {
      record.set(i, values[i]);
    }
    return record;
  }

  static List<Record> rows(Schema schema, Object[]... values) {
    return Arrays.stream(values).map(each -> row(schema, each)).toList();
  }

  static Object[] of(Object... values) {
    return values;
  }

  private GenericAppenderFactory factory(Table table, Schema rows, int[] ids) {
    Map<String, String> config = table.properties();
    return new GenericAppenderFactory(table, rows, table.spec(), config, ids, rows, null);
  }

  private EncryptedOutputFile output(Table table, StructLike partition, String name) {
    String path =
        partition == null
            ? table.locationProvider().newDataLocation(name)
            : table.locationProvider().newDataLocation(table.spec(), partition, name);
    return EncryptedFiles.encryptedOutput(
        table.io().newOutputFile(path), (EncryptionKeyMetadata) null);
  }

  StructLike partition(Table table, Record row) {
    if (table.spec().isUnpartitioned()) {
      return null;
    }
    PartitionKey key = new PartitionKey(table.spec(), table.schema());
    key.partition(new InternalRecordWrapper(table.schema().asStruct()).wrap(row));
    return key;
  }

  /** One data file. All rows must be of one partition. */
  DataFile file(Table table, FileFormat format, String name, List<Record> rows) throws IOException {
    StructLike partition = rows.isEmpty() ? null : partition(table, rows.get(0));
    String extension = format.name().toLowerCase();
    EncryptedOutputFile output = output(table, partition, name + "." + extension);
    var writer = factory(table, table.schema(), null).newDataWriter(output, format, partition);
    try (writer) {
      rows.forEach(writer::write);
    }
    return writer.toDataFile();
  }

  DataFile file(Table table, List<Record> rows) throws IOException {
    return file(table, FileFormat.PARQUET, String.format("f%03d", number++), rows);
  }

  DataFile append(Table table, Object[]... values) throws IOException {
    DataFile file = file(table, rows(table.schema(), values));
    table.newAppend().appendFile(file).commit();
    return file;
  }

  /** An equality delete by some columns, in the partition of an example row or in none. */
  DeleteFile equality(Table table, Record example, List<String> columns, Object[]... keys)
      throws IOException {
    Schema schema = table.schema().select(columns);
    int[] ids = columns.stream().mapToInt(c -> table.schema().findField(c).fieldId()).toArray();
    StructLike partition = example == null ? null : partition(table, example);
    EncryptedOutputFile output =
        output(table, partition, String.format("e%03d.parquet", number++));
    var writer =
        factory(table, schema, ids).newEqDeleteWriter(output, FileFormat.PARQUET, partition);
    try (writer) {
      rows(schema, keys).forEach(writer::write);
    }
    return writer.toDeleteFile();
  }

  DeleteFile positions(Table table, StructLike partition, Object[]... places) throws IOException {
    EncryptedOutputFile output =
        output(table, partition, String.format("p%03d.parquet", number++));
    var writer =
        factory(table, table.schema(), null)
            .newPosDeleteWriter(output, FileFormat.PARQUET, partition);
    try (writer) {
      PositionDelete<Record> delete = PositionDelete.create();
      for (Object[] place : places) {
        delete.set((String) place[0], ((Number) place[1]).longValue());
        writer.write(delete);
      }
    }
    return writer.toDeleteFile();
  }

  /** Deletion vectors of several data files, in one puffin file. */
  List<DeleteFile> vectors(Table table, Map<DataFile, long[]> places) throws IOException {
    OutputFileFactory outputs =
        OutputFileFactory.builderFor(table, 1, number++)
            .format(FileFormat.PUFFIN)
            .operationId("dv")
            .build();
    BaseDVFileWriter writer = new BaseDVFileWriter(outputs, path -> null);
    try (writer) {
      places.forEach(
          (file, positions) -> {
            for (long position : positions) {
              writer.delete(file.location(), position, table.spec(), file.partition());
            }
          });
    }
    return writer.result().deleteFiles();
  }

  void delete(Table table, DeleteFile... deletes) {
    var change = table.newRowDelta();
    Arrays.stream(deletes).forEach(change::addDeletes);
    change.commit();
  }

  /** Remembers a case with what Iceberg's own reader says is in it. */
  void done(String name, String title, String writer) throws IOException {
    Table table = load(name);
    List<Object> rows = new ArrayList<>();
    try (CloseableIterable<Record> read = IcebergGenerics.read(table).build()) {
      for (Record record : read) {
        rows.add(plain(table.schema().asStruct(), record));
      }
    }
    told(name, title, writer, "Iceberg", rows);
  }

  /** The same by Spark, which reads files without ids by the name mapping; Iceberg's does not. */
  void doneBySpark(String name, String title, String writer) {
    List<Object> rows = new ArrayList<>();
    for (Row row : spark.sql("SELECT * FROM lake." + SPACE + "." + name).collectAsList()) {
      rows.add(told(row));
    }
    told(name, title, writer, "Spark", rows);
  }

  private static Object told(Object value) {
    if (value instanceof Row row) {
      List<Object> fields = new ArrayList<>();
      for (int i = 0; i < row.size(); i++) {
        fields.add(told(row.get(i)));
      }
      return fields;
    }
    if (value instanceof scala.collection.Seq<?> items) {
      List<Object> list = new ArrayList<>();
      scala.collection.JavaConverters.seqAsJavaList(items).forEach(each -> list.add(told(each)));
      return list;
    }
    if (value instanceof java.sql.Timestamp moment) {
      return ChronoUnit.MICROS.between(java.time.Instant.EPOCH, moment.toInstant());
    }
    if (value instanceof BigDecimal number) {
      return number.toString();
    }
    if (value instanceof byte[] bytes) {
      return hex(bytes);
    }
    return value instanceof java.sql.Date day ? day.toLocalDate().toEpochDay() : value;
  }

  /** The same for a snapshot that is not the current one. */
  void doneAt(String name, String title, String writer, Snapshot snapshot) throws IOException {
    Table table = load(name);
    Schema schema = table.schemas().get(snapshot.schemaId());
    List<Object> rows = new ArrayList<>();
    var scan = IcebergGenerics.read(table).useSnapshot(snapshot.snapshotId()).project(schema);
    try (CloseableIterable<Record> read = scan.build()) {
      for (Record record : read) {
        rows.add(plain(schema.asStruct(), record));
      }
    }
    told(name, title, writer, "Iceberg", rows).put("snapshot", snapshot.snapshotId());
  }

  /** A case that Iceberg's reader fails on: the rows are stated by hand. */
  void stated(String name, String title, String writer, Object[]... rows) {
    List<Object> list = Arrays.stream(rows).map(r -> (Object) Arrays.asList(r)).toList();
    told(name, title, writer, "by hand", list);
  }

  /** A case that has to be refused. */
  void refused(String name, String title, String writer) {
    told(name, title, writer, "refused", null);
  }

  private Map<String, Object> told(
      String name, String title, String writer, String truth, List<Object> rows) {
    Map<String, Object> told = new TreeMap<>();
    told.put("title", title);
    told.put("writer", writer);
    told.put("version", ((org.apache.iceberg.BaseTable) load(name)).operations().current().formatVersion());
    told.put("truth", truth);
    if (rows != null) {
      Map<Object, Integer> counted = new LinkedHashMap<>();
      rows.forEach(each -> counted.merge(each, 1, Integer::sum));
      List<Object> pairs = new ArrayList<>();
      counted.forEach((each, count) -> pairs.add(List.of(count, each)));
      told.put("rows", pairs);
    }
    cases.put(name, told);
    return told;
  }

  void finish(Path target) throws IOException {
    ObjectMapper json = new ObjectMapper().enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS);
    StringBuilder text = new StringBuilder("{\n");
    for (String name : cases.keySet()) {
      text.append(text.length() > 2 ? ",\n" : "").append(json.writeValueAsString(name));
      text.append(": ").append(json.writeValueAsString(cases.get(name)));
    }
    Files.writeString(target, text.append("\n}\n").toString());
  }

  /** A value as JSON says it: whole units since the epoch, hexadecimal bytes, pairs for maps. */
  static Object plain(Type type, Object value) {
    if (value == null) {
      return null;
    }
    switch (type.typeId()) {
      case STRUCT:
        List<Object> fields = new ArrayList<>();
        int at = 0;
        for (Types.NestedField field : type.asStructType().fields()) {
          fields.add(plain(field.type(), ((Record) value).get(at++)));
        }
        return fields;
      case LIST:
        Type element = type.asListType().elementType();
        return new ArrayList<>(
            ((List<?>) value).stream().map(v -> Arrays.asList(plain(element, v)).get(0)).toList());
      case MAP:
        List<Object> pairs = new ArrayList<>();
        for (Map.Entry<?, ?> each : ((Map<?, ?>) value).entrySet()) {
          Object key = plain(type.asMapType().keyType(), each.getKey());
          pairs.add(Arrays.asList(key, plain(type.asMapType().valueType(), each.getValue())));
        }
        return pairs;
      case DATE:
        return ((LocalDate) value).toEpochDay();
      case TIME:
        return ((LocalTime) value).toNanoOfDay() / 1000;
      case TIMESTAMP:
        return since(value, ChronoUnit.MICROS);
      case TIMESTAMP_NANO:
        return since(value, ChronoUnit.NANOS);
      case UUID:
        return ((UUID) value).toString();
      case FIXED:
        return hex((byte[]) value);
      case BINARY:
        ByteBuffer buffer = ((ByteBuffer) value).duplicate();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return hex(bytes);
      case DECIMAL:
        return value.toString();
      case FLOAT, DOUBLE:
        double number = ((Number) value).doubleValue();
        return Double.isFinite(number) ? (Object) number : Double.toString(number);
      default:
        return value;
    }
  }

  private static long since(Object value, ChronoUnit unit) {
    if (value instanceof Long units) {
      return units; // defaults of nanoseconds are given so
    }
    OffsetDateTime moment =
        value instanceof LocalDateTime local ? local.atOffset(ZoneOffset.UTC) : (OffsetDateTime) value;
    return unit.between(OffsetDateTime.of(1970, 1, 1, 0, 0, 0, 0, ZoneOffset.UTC), moment);
  }

  private static String hex(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    for (byte each : bytes) {
      text.append(String.format("%02x", each));
    }
    return text.toString();
  }
}
