import java.nio.file.Path;
import java.util.List;
import org.apache.spark.sql.SparkSession;

/** Writes all tables under `Rig.ROOT`, and the truth about them to the file that is named. */
public final class Generate {
  public static void main(String[] arguments) throws Exception {
    SparkSession spark =
        SparkSession.builder()
            .master("local[1]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "1")
            .config("spark.sql.session.timeZone", "UTC")
            .config(
                "spark.sql.extensions",
                "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
            .config("spark.sql.catalog.lake", "org.apache.iceberg.spark.SparkCatalog")
            .config("spark.sql.catalog.lake.type", "hadoop")
            .config("spark.sql.catalog.lake.warehouse", Rig.ROOT)
            .config("spark.sql.catalog.lake.cache-enabled", "false")
            .getOrCreate();
    spark.sparkContext().setLogLevel("ERROR");
    Rig rig = new Rig(spark);
    boolean failed = false;
    for (var steps : List.of(new Schemas(rig).all(), new Deletes(rig).all(), new Values(rig).all())) {
      for (Rig.Step step : steps) {
        try {
          step.run();
        } catch (Exception | LinkageError error) {
          error.printStackTrace();
          failed = true;
        }
      }
    }
    rig.finish(Path.of(arguments[0]));
    spark.stop();
    System.exit(failed ? 1 : 0);
  }
}
