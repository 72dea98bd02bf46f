import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.Schema;
import org.apache.iceberg.Table;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.types.Types;

/** Deletes by position, by deletion vector and by equality, alone and together. */
final class Deletes {
  private static final Schema SIMPLE =
      Rig.schema(
          "id", Types.IntegerType.get(),
          "a", Types.StringType.get(),
          "b", Types.StringType.get());
  private final Rig rig;

  Deletes(Rig rig) {
    this.rig = rig;
  }

  List<Rig.Step> all() {
    return List.of(
        () -> spark(2),
        () -> spark(3),
        this::positions,
        this::equality,
        this::evolvedKeys,
        this::together,
        this::vectors);
  }

  private static String merging(int version, String more) {
    return " USING iceberg TBLPROPERTIES ('format-version'='"
        + version
        + "', 'write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read',"
        + " 'write.merge.mode'='merge-on-read', 'write.delete.parquet.compression-codec'='uncompressed'"
        + more
        + ")";
  }

  private void spark(int version) throws Exception {
    String fill = "INSERT INTO $t SELECT /*+ COALESCE(1) */ id, concat('v', id) FROM range(%d, %d)";
    String kind = version == 2 ? "position deletes" : "deletion vectors";
    String name = "deleted_v" + version;
    rig.sql(
        name,
        "CREATE TABLE $t (id BIGINT, v STRING)" + merging(version, ""),
        String.format(fill, 0, 20),
        String.format(fill, 20, 40),
        "DELETE FROM $t WHERE id % 3 = 0",
        "DELETE FROM $t WHERE id IN (1, 21)",
        String.format(fill, 0, 4));
    rig.done(name, kind + " of two commits, rows added again", Rig.SPARK);

    name = "updated_v" + version;
    rig.sql(
        name,
        "CREATE TABLE $t (id BIGINT, v STRING)" + merging(version, ""),
        String.format(fill, 0, 20),
        "UPDATE $t SET v = 'new' WHERE id < 5",
        "UPDATE $t SET v = NULL WHERE id = 3");
    rig.done(name, "updates as " + kind, Rig.SPARK);

    name = "merged_v" + version;
    rig.sql(
        name,
        "CREATE TABLE $t (id BIGINT, v STRING)" + merging(version, ""),
        String.format(fill, 0, 20),
        "MERGE INTO $t t USING (SELECT id + 15 AS id, 'm' AS v FROM range(10)) s ON t.id = s.id"
            + " WHEN MATCHED AND t.id % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v"
            + " WHEN NOT MATCHED THEN INSERT *");
    rig.done(name, "MERGE as " + kind, Rig.SPARK);

    name = "deleted_evolved_v" + version;
    rig.sql(
        name,
        "CREATE TABLE $t (id INT, v STRING, w STRUCT<x: INT>)" + merging(version, ""),
        "INSERT INTO $t SELECT /*+ COALESCE(1) */ int(id), concat('v', id), named_struct('x', int(id))"
            + " FROM range(10)",
        "DELETE FROM $t WHERE id = 3",
        "ALTER TABLE $t RENAME COLUMN v TO id2",
        "ALTER TABLE $t ALTER COLUMN id TYPE BIGINT",
        "ALTER TABLE $t ADD COLUMN w.y STRING",
        "DELETE FROM $t WHERE id = 5");
    rig.done(name, kind + " before and after a change of the schema", Rig.SPARK);

    name = "emptied_v" + version;
    rig.sql(
        name,
        "CREATE TABLE $t (id BIGINT, v STRING)" + merging(version, ""),
        String.format(fill, 0, 10),
        "DELETE FROM $t WHERE id % 2 = 0",
        "DELETE FROM $t");
    rig.done(name, "all rows deleted", Rig.SPARK);

    name = "compacted_v" + version;
    rig.sql(
        name,
        "CREATE TABLE $t (id BIGINT, v STRING)" + merging(version, ""),
        String.format(fill, 0, 20),
        String.format(fill, 20, 40),
        "DELETE FROM $t WHERE id % 3 = 0",
        "CALL lake.system.rewrite_data_files(table => 's." + name + "',"
            + " options => map('rewrite-all', 'true'))",
        "DELETE FROM $t WHERE id = 1");
    rig.done(name, "data files rewritten after deletes", Rig.SPARK);
  }

  private void positions() throws Exception {
    for (String granularity : List.of("file", "partition")) {
      String name = "granularity_" + granularity;
      rig.sql(
          name,
          "CREATE TABLE $t (id BIGINT, p STRING) USING iceberg PARTITIONED BY (p) TBLPROPERTIES ("
              + "'format-version'='2', 'write.delete.mode'='merge-on-read', 'write.delete.granularity'='"
              + granularity
              + "', 'write.delete.parquet.compression-codec'='uncompressed')",
          "INSERT INTO $t SELECT id, IF(id % 2 = 0, 'a/b', 'c') FROM range(20)",
          "INSERT INTO $t SELECT id, IF(id % 2 = 0, 'a/b', 'c') FROM range(20, 40)",
          "DELETE FROM $t WHERE id % 5 = 0");
      rig.done(name, "position deletes by " + granularity, Rig.SPARK);
    }
    Table table = rig.create("positions_sequence", 2, SIMPLE);
    DataFile first = rig.append(table, Rig.of(1, "a", "b"), Rig.of(2, "a", "b"), Rig.of(3, "a", "b"));
    DataFile second = rig.file(table, Rig.rows(SIMPLE, Rig.of(4, "c", "d"), Rig.of(5, "c", "d")));
    var same = table.newRowDelta().addRows(second);
    same.addDeletes(
        rig.positions(table, null, Rig.of(first.location(), 1), Rig.of(second.location(), 0)));
    same.commit();
    rig.done("positions_sequence", "position deletes of rows of the same commit", Rig.JAVA);

    Table removed = rig.create("positions_dangling", 2, SIMPLE);
    DataFile gone = rig.append(removed, Rig.of(1, "a", "b"), Rig.of(2, "a", "b"));
    DataFile kept = rig.append(removed, Rig.of(3, "a", "b"), Rig.of(4, "a", "b"));
    rig.delete(
        removed,
        rig.positions(removed, null, Rig.of(gone.location(), 0), Rig.of(kept.location(), 1)));
    removed.newDelete().deleteFile(gone).commit();
    rig.done("positions_dangling", "position deletes that also name a file that is gone", Rig.JAVA);

    Table upgraded = rig.create("upgraded_v1", 1, SIMPLE);
    DataFile old = rig.append(upgraded, Rig.of(1, "a", "b"), Rig.of(2, "a", "b"));
    upgraded.updateProperties().set("format-version", "2").commit();
    upgraded.refresh();
    rig.delete(upgraded, rig.positions(upgraded, null, Rig.of(old.location(), 0)));
    rig.delete(upgraded, rig.equality(upgraded, null, List.of("id"), Rig.of(7)));
    rig.done("upgraded_v1", "a table of version 1, upgraded, then with deletes", Rig.JAVA);
  }

  private Table filled(String name, int version) throws Exception {
    Table table = rig.create(name, version, SIMPLE);
    rig.append(
        table,
        Rig.of(1, "a", "x"),
        Rig.of(2, null, "x"),
        Rig.of(3, "c", null),
        Rig.of(4, null, null),
        Rig.of(5, "a", "y"));
    return table;
  }

  private void equality() throws Exception {
    Table simple = filled("equality", 2);
    rig.delete(simple, rig.equality(simple, null, List.of("id"), Rig.of(1), Rig.of(9)));
    rig.done("equality", "equality deletes by one column", Rig.JAVA);

    Table nulls = filled("equality_null", 2);
    rig.delete(nulls, rig.equality(nulls, null, List.of("a"), Rig.of((Object) null)));
    rig.done("equality_null", "an equality delete of NULL", Rig.JAVA);

    Table several = filled("equality_columns", 2);
    rig.delete(
        several,
        rig.equality(
            several, null, List.of("a", "b"), Rig.of("a", "x"), Rig.of(null, null), Rig.of("c", "z")));
    rig.done("equality_columns", "equality deletes by two columns, with NULLs", Rig.JAVA);

    Table sets = filled("equality_sets", 2);
    rig.delete(sets, rig.equality(sets, null, List.of("id"), Rig.of(1)));
    rig.delete(
        sets,
        rig.equality(sets, null, List.of("b"), Rig.of("y")),
        rig.equality(sets, null, List.of("a", "b"), Rig.of(null, "x")));
    rig.done("equality_sets", "equality deletes by several sets of columns", Rig.JAVA);

    Table sequence = filled("equality_sequence", 2);
    rig.delete(sequence, rig.equality(sequence, null, List.of("id"), Rig.of(1), Rig.of(2)));
    rig.append(sequence, Rig.of(1, "again", "x"));
    DataFile together = rig.file(sequence, Rig.rows(SIMPLE, Rig.of(3, "same commit", "x")));
    sequence
        .newRowDelta()
        .addRows(together)
        .addDeletes(rig.equality(sequence, null, List.of("id"), Rig.of(3)))
        .commit();
    rig.done("equality_sequence", "keys deleted, and written again in the same or a later commit", Rig.JAVA);

    PartitionSpec spec = PartitionSpec.builderFor(SIMPLE).identity("b").build();
    Table scoped = rig.create("equality_partition", 2, SIMPLE, spec);
    rig.append(scoped, Rig.of(1, "a", "x"), Rig.of(2, "b", "x"));
    rig.append(scoped, Rig.of(1, "a", "y"), Rig.of(2, "b", "y"));
    rig.append(scoped, Rig.of(1, "a", null), Rig.of(3, "c", null));
    rig.delete(scoped, rig.equality(scoped, Rig.row(SIMPLE, 1, "a", "x"), List.of("id"), Rig.of(1)));
    rig.delete(scoped, rig.equality(scoped, Rig.row(SIMPLE, 3, "c", null), List.of("id"), Rig.of(3)));
    rig.done("equality_partition", "equality deletes of one partition", Rig.JAVA);

    Table global = rig.create("equality_global", 2, SIMPLE);
    rig.append(global, Rig.of(1, "a", "x"), Rig.of(2, "b", "x"));
    global.updateSpec().addField("b").commit();
    global.refresh();
    rig.append(global, Rig.of(1, "a", "y"), Rig.of(2, "b", "y"));
    rig.append(global, Rig.of(1, "a", "z"), Rig.of(2, "b", "z"));
    rig.delete(global, rig.equality(global, Rig.row(SIMPLE, 1, "a", "y"), List.of("id"), Rig.of(1)));
    global.updateSpec().removeField("b").commit();
    global.refresh();
    rig.delete(global, rig.equality(global, null, List.of("id"), Rig.of(2)));
    rig.append(global, Rig.of(2, "later", "z"));
    rig.done("equality_global", "equality deletes of one partition and of the whole table", Rig.JAVA);

    Schema typed =
        new Schema(
            Types.NestedField.required(1, "id", Types.IntegerType.get()),
            Types.NestedField.optional(2, "d", Types.DoubleType.get()),
            Types.NestedField.optional(3, "n", Types.DecimalType.of(9, 2)),
            Types.NestedField.optional(4, "t", Types.DateType.get()),
            Types.NestedField.optional(5, "z", Types.TimestampType.withZone()),
            Types.NestedField.optional(6, "u", Types.UUIDType.get()),
            Types.NestedField.optional(7, "bin", Types.BinaryType.get()));
    Table types = rig.create("equality_types", 2, typed);
    Object[][] rows = new Object[6][];
    for (int i = 0; i < 6; i++) {
      rows[i] =
          Rig.of(
              i,
              i == 5 ? Double.NaN : i * 0.5,
              new java.math.BigDecimal(i + ".50"),
              java.time.LocalDate.ofEpochDay(i),
              java.time.OffsetDateTime.of(2020, 1, 1 + i, 0, 0, 0, 0, java.time.ZoneOffset.UTC),
              new java.util.UUID(i, i),
              java.nio.ByteBuffer.wrap(new byte[] {(byte) i, 0}));
    }
    rig.append(types, rows);
    rig.delete(
        types,
        rig.equality(types, null, List.of("d"), Rig.of(Double.NaN)),
        rig.equality(types, null, List.of("d"), Rig.of(-0.0)),
        rig.equality(types, null, List.of("n", "t"), Rig.of(rows[0][2], rows[0][3])),
        rig.equality(types, null, List.of("z"), Rig.of(rows[1][4])),
        rig.equality(types, null, List.of("u"), Rig.of(rows[2][5])),
        rig.equality(types, null, List.of("bin"), Rig.of(rows[3][6])));
    rig.done("equality_types", "equality deletes by keys of many types, with NaN and -0", Rig.JAVA);

    Schema inner =
        new Schema(
            Types.NestedField.required(1, "id", Types.IntegerType.get()),
            Types.NestedField.optional(
                2,
                "s",
                Types.StructType.of(
                    Types.NestedField.optional(3, "x", Types.IntegerType.get()),
                    Types.NestedField.optional(4, "y", Types.IntegerType.get()))));
    Table nested = rig.create("equality_nested", 2, inner);
    var struct = inner.findType("s").asStructType();
    rig.append(
        nested,
        Rig.of(1, Rig.row(struct, 1, 1)),
        Rig.of(2, Rig.row(struct, 2, null)),
        Rig.of(3, Rig.row(struct, 1, 2)));
    Schema key = nested.schema().select("s.x");
    rig.delete(
        nested,
        rig.equality(
            nested, null, List.of("s.x"), Rig.of(Rig.row(key.findType("s").asStructType(), 1))));
    rig.refused("equality_nested", "equality deletes by a field of a struct", Rig.JAVA);
  }

  private void evolvedKeys() throws Exception {
    Table renamed = filled("equality_renamed", 2);
    rig.delete(renamed, rig.equality(renamed, null, List.of("id"), Rig.of(1)));
    renamed
        .updateSchema()
        .renameColumn("id", "key")
        .updateColumn("id", Types.LongType.get())
        .commit();
    renamed.updateSchema().addColumn("id", Types.IntegerType.get()).commit();
    rig.append(renamed, Rig.of(1L, "new", "x", 3));
    rig.delete(renamed, rig.equality(renamed, null, List.of("key"), Rig.of(3L)));
    rig.delete(renamed, rig.equality(renamed, null, List.of("id"), Rig.of(9)));
    rig.done("equality_renamed", "a key column renamed and promoted; its name used again", Rig.JAVA);

    Table dropped = filled("equality_dropped", 2);
    rig.delete(dropped, rig.equality(dropped, null, List.of("a"), Rig.of("a")));
    dropped.updateSchema().deleteColumn("a").commit();
    rig.append(dropped, Rig.of(6, "new"));
    rig.stated(
        "equality_dropped",
        "a key column that was dropped since",
        Rig.JAVA,
        Rig.of(2, "x"),
        Rig.of(3, null),
        Rig.of(4, null),
        Rig.of(6, "new"));

    Table added = filled("equality_added", 2);
    added.updateSchema().addColumn("c", Types.IntegerType.get()).commit();
    rig.append(added, Rig.of(6, "f", "x", 1), Rig.of(7, "g", "x", null));
    rig.delete(added, rig.equality(added, null, List.of("c"), Rig.of((Object) null)));
    rig.append(added, Rig.of(8, "h", "x", null));
    rig.done("equality_added", "a key column that older files have not: NULL there", Rig.JAVA);
  }

  private void together() throws Exception {
    Table table = filled("equality_positions", 2);
    DataFile more = rig.append(table, Rig.of(6, "f", "x"), Rig.of(7, "g", "y"), Rig.of(8, "h", "z"));
    rig.delete(
        table,
        rig.equality(table, null, List.of("id"), Rig.of(1), Rig.of(7)),
        rig.positions(table, null, Rig.of(more.location(), 0)));
    rig.append(table, Rig.of(1, "again", "x"));
    rig.done("equality_positions", "deletes by equality and by position together", Rig.JAVA);

    Table vectors = filled("equality_vectors", 3);
    DataFile file = rig.append(vectors, Rig.of(6, "f", "x"), Rig.of(7, "g", "y"), Rig.of(8, "h", "z"));
    rig.delete(vectors, rig.equality(vectors, null, List.of("id"), Rig.of(1), Rig.of(7)));
    rig.vectors(vectors, Map.of(file, new long[] {0}))
        .forEach(each -> vectors.newRowDelta().addDeletes(each).commit());
    rig.done("equality_vectors", "deletes by equality and by deletion vector together", Rig.JAVA);
  }

  private void vectors() throws Exception {
    Schema schema = new Schema(Types.NestedField.required(1, "n", Types.IntegerType.get()));
    Table big = rig.create("vector_big", 3, schema);
    Object[][] rows = new Object[200_000][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = Rig.of(i / 1000);
    }
    DataFile file = rig.append(big, rows);
    // a run, single values, and every other row, in several containers
    long[] places =
        LongStream.concat(
                LongStream.concat(LongStream.range(1_000, 60_000), LongStream.of(0, 65_535, 65_536)),
                LongStream.range(35_000, 99_000).map(each -> each * 2))
            .distinct()
            .filter(each -> each < 199_999)
            .toArray();
    rig.vectors(big, Map.of(file, places))
        .forEach(each -> big.newRowDelta().addDeletes(each).commit());
    rig.done("vector_big", "a deletion vector of 110,000 positions in runs, bitmaps and arrays", Rig.JAVA);

    Table several = rig.create("vector_several", 3, SIMPLE);
    Map<DataFile, long[]> deletes = new LinkedHashMap<>();
    for (int i = 0; i < 4; i++) {
      DataFile each = rig.append(several, Rig.of(3 * i, "a", "x"), Rig.of(3 * i + 1, "b", "y"), Rig.of(3 * i + 2, "c", "z"));
      if (i != 2) {
        deletes.put(each, new long[] {i % 3});
      }
    }
    var change = several.newRowDelta();
    rig.vectors(several, deletes).forEach(change::addDeletes);
    change.commit();
    rig.done("vector_several", "several deletion vectors in one puffin file", Rig.JAVA);

    Table upgraded = rig.create("vector_upgraded", 2, SIMPLE);
    DataFile first = rig.append(upgraded, Rig.of(1, "a", "x"), Rig.of(2, "b", "y"), Rig.of(3, "c", "z"));
    DataFile second = rig.append(upgraded, Rig.of(4, "d", "x"), Rig.of(5, "e", "y"), Rig.of(6, "f", "z"));
    rig.delete(
        upgraded,
        rig.positions(upgraded, null, Rig.of(first.location(), 0), Rig.of(second.location(), 0)));
    upgraded.updateProperties().set("format-version", "3").commit();
    upgraded.refresh();
    // a vector takes the place of all position deletes of its file
    rig.vectors(upgraded, Map.of(first, new long[] {0, 2}))
        .forEach(each -> upgraded.newRowDelta().addDeletes(each).commit());
    rig.done("vector_upgraded", "position deletes of version 2 and a deletion vector of version 3", Rig.JAVA);

    rig.sql(
        "vector_upgraded_spark",
        "CREATE TABLE $t (id BIGINT, v STRING)" + merging(2, ""),
        "INSERT INTO $t SELECT /*+ COALESCE(1) */ id, 'a' FROM range(20)",
        "INSERT INTO $t SELECT /*+ COALESCE(1) */ id, 'b' FROM range(20, 40)",
        "DELETE FROM $t WHERE id % 5 = 0",
        "ALTER TABLE $t SET TBLPROPERTIES ('format-version'='3')",
        "DELETE FROM $t WHERE id < 20 AND id % 5 = 1",
        "INSERT INTO $t VALUES (100, 'c')");
    rig.done("vector_upgraded_spark", "the same by Spark", Rig.SPARK);

    Table parted =
        rig.create(
            "vector_parted", 3, SIMPLE, PartitionSpec.builderFor(SIMPLE).bucket("id", 2).build());
    rig.sql(
        "vector_parted",
        "INSERT INTO $t SELECT int(id), 'a', 'b' FROM range(30)",
        "ALTER TABLE $t SET TBLPROPERTIES ('write.delete.mode'='merge-on-read')",
        "DELETE FROM $t WHERE id % 4 = 1",
        "DELETE FROM $t WHERE id % 4 = 2");
    rig.done("vector_parted", "deletion vectors written twice, in partitions", Rig.SPARK);
  }
}
