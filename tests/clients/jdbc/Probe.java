import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.ParameterMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Struct;
import java.sql.Time;
import java.sql.Timestamp;
import java.sql.Types;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;

/**
 * Does with a JDBC driver what it is told: a command per line of standard input, fields separated by
 * tabs, answered by a line of JSON. One JVM serves many tests that way.
 */
public final class Probe {
  private final Map<String, Connection> connections = new HashMap<>();

  public static void main(String[] arguments) throws Exception {
    Probe probe = new Probe();
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      Map<String, Object> answer = new LinkedHashMap<>();
      try {
        answer.put("value", probe.run(line.split("\t", -1)));
      } catch (Throwable error) {
        answer.put("error", told(error));
      }
      out.println(json(answer));
    }
  }

  private Object run(String[] words) throws Throwable {
    List<String> rest = Arrays.asList(words).subList(Math.min(2, words.length), words.length);
    switch (words[0]) {
      case "open":
        return open(words[1], rest);
      case "close":
        connections.remove(words[1]).close();
        return true;
      case "scalars":
        return scalars(connections.get(words[1]).getMetaData());
      case "metadata":
        return metadata(connections.get(words[1]).getMetaData(), rest);
      case "connection":
        return call(Connection.class, connections.get(words[1]), rest);
      case "query":
        return query(connections.get(words[1]), rest.get(0));
      case "read":
        return read(connections.get(words[1]), rest.get(0), rest.get(1));
      case "update":
        return update(connections.get(words[1]), rest.get(0));
      case "prepare":
        return prepare(connections.get(words[1]), rest.get(0), rest.subList(1, rest.size()));
      case "batch":
        return batch(connections.get(words[1]), rest.get(0), rest.subList(1, rest.size()));
      case "again":
        return again(connections.get(words[1]), rest.get(0), rest.subList(1, rest.size()));
      case "cancel":
        return cancel(connections.get(words[1]), rest.get(0));
      default:
        throw new IllegalArgumentException(words[0]);
    }
  }

  private boolean open(String name, List<String> rest) throws SQLException {
    Properties properties = new Properties();
    for (String pair : rest.subList(1, rest.size())) {
      String[] parts = pair.split("=", 2);
      properties.setProperty(parts[0], parts[1]);
    }
    connections.put(name, DriverManager.getConnection(rest.get(0), properties));
    return true;
  }

  /** What every getter without parameters says, or how it fails. */
  private static Object scalars(DatabaseMetaData metadata) {
    Map<String, Object> all = new TreeMap<>();
    for (Method method : DatabaseMetaData.class.getMethods()) {
      Class<?> type = method.getReturnType();
      boolean scalar = type.isPrimitive() || type == String.class;
      if (method.getParameterCount() > 0 || !scalar) {
        continue;
      }
      try {
        all.put(method.getName(), method.invoke(metadata));
      } catch (InvocationTargetException error) {
        all.put(method.getName(), Map.of("error", told(error.getCause())));
      } catch (ReflectiveOperationException error) {
        throw new IllegalStateException(error);
      }
    }
    return all;
  }

  private static Object metadata(DatabaseMetaData metadata, List<String> rest) throws Throwable {
    return call(DatabaseMetaData.class, metadata, rest);
  }

  /** Calls a method by name; `\N` stands for null, a list has `|` between its items. */
  private static Object call(Class<?> kind, Object target, List<String> rest) throws Throwable {
    for (Method method : kind.getMethods()) {
      Class<?>[] types = method.getParameterTypes();
      if (!method.getName().equals(rest.get(0)) || types.length != rest.size() - 1) {
        continue;
      }
      Object[] values = new Object[types.length];
      for (int i = 0; i < types.length; i++) {
        values[i] = argument(types[i], rest.get(i + 1));
      }
      try {
        Object result = method.invoke(target, values);
        return result instanceof ResultSet ? table((ResultSet) result) : plain(result);
      } catch (InvocationTargetException error) {
        throw error.getCause();
      }
    }
    throw new NoSuchMethodException(rest.get(0));
  }

  private static Object argument(Class<?> type, String text) {
    if (text.equals("\\N")) {
      return null;
    }
    if (type == int.class) {
      return Integer.valueOf(text);
    }
    if (type == boolean.class) {
      return Boolean.valueOf(text);
    }
    return type == String[].class ? text.split("\\|") : text;
  }

  private static Object query(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      return table(statement.executeQuery(sql));
    }
  }

  /** The first row, read by the getter of that name or as objects of that class. */
  private static Object read(Connection connection, String sql, String getter) throws Throwable {
    try (Statement statement = connection.createStatement();
        ResultSet result = statement.executeQuery(sql)) {
      boolean named = getter.startsWith("get");
      Method method = named ? ResultSet.class.getMethod(getter, int.class) : null;
      Class<?> kind = named ? null : Class.forName(getter);
      List<Object> row = new ArrayList<>();
      result.next();
      for (int i = 1; i <= result.getMetaData().getColumnCount(); i++) {
        try {
          row.add(plain(named ? method.invoke(result, i) : result.getObject(i, kind)));
        } catch (InvocationTargetException error) {
          throw error.getCause();
        }
      }
      return row;
    }
  }

  private static Object update(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      return statement.executeUpdate(sql);
    }
  }

  /** Prepares, binds `setter:value` pairs and runs. */
  private static Object prepare(Connection connection, String sql, List<String> values)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      Map<String, Object> result = new LinkedHashMap<>();
      ParameterMetaData parameters = statement.getParameterMetaData();
      List<String> types = new ArrayList<>();
      for (int i = 1; i <= parameters.getParameterCount(); i++) {
        types.add(parameters.getParameterTypeName(i));
      }
      ResultSetMetaData before = statement.getMetaData();
      bind(statement, values);
      result.put("parameters", types);
      result.put("announced", before == null ? null : columns(before));
      result.putAll(texts(statement.executeQuery()));
      return result;
    }
  }

  private static Object batch(Connection connection, String sql, List<String> rows)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      for (String row : rows) {
        bind(statement, List.of(row));
        statement.addBatch();
      }
      return plain(statement.executeBatch());
    }
  }

  /** Prepares once and runs for every value. */
  private static Object again(Connection connection, String sql, List<String> rows)
      throws SQLException {
    List<Object> results = new ArrayList<>();
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      for (String row : rows) {
        bind(statement, List.of(row));
        results.add(table(statement.executeQuery()).get("rows"));
      }
    }
    return results;
  }

  /** Runs a statement and cancels it from another thread; gives the milliseconds that took. */
  private static Object cancel(Connection connection, String sql) throws Exception {
    try (Statement statement = connection.createStatement()) {
      Thread other =
          new Thread(
              () -> {
                try {
                  Thread.sleep(700);
                  statement.cancel();
                } catch (InterruptedException | SQLException error) {
                  throw new IllegalStateException(error);
                }
              });
      other.start();
      long started = System.nanoTime();
      Map<String, Object> result = new LinkedHashMap<>();
      try (ResultSet rows = statement.executeQuery(sql)) {
        long count = 0;
        while (rows.next()) {
          count++;
        }
        result.put("rows", count);
      } catch (SQLException | RuntimeException error) {
        result.put("error", told(error));
      }
      result.put("milliseconds", (System.nanoTime() - started) / 1_000_000);
      other.join();
      return result;
    }
  }

  private static void bind(PreparedStatement statement, List<String> values) throws SQLException {
    for (int i = 0; i < values.size(); i++) {
      String[] parts = values.get(i).split(":", 2);
      bind(statement, i + 1, parts[0], parts[1]);
    }
  }

  private static void bind(PreparedStatement to, int at, String setter, String text)
      throws SQLException {
    switch (setter) {
      case "setByte" -> to.setByte(at, Byte.parseByte(text));
      case "setShort" -> to.setShort(at, Short.parseShort(text));
      case "setInt" -> to.setInt(at, Integer.parseInt(text));
      case "setLong" -> to.setLong(at, Long.parseLong(text));
      case "setFloat" -> to.setFloat(at, Float.parseFloat(text));
      case "setDouble" -> to.setDouble(at, Double.parseDouble(text));
      case "setBigDecimal" -> to.setBigDecimal(at, new BigDecimal(text));
      case "setBoolean" -> to.setBoolean(at, Boolean.parseBoolean(text));
      case "setString" -> to.setString(at, text);
      case "setBytes" -> to.setBytes(at, text.getBytes(StandardCharsets.UTF_8));
      case "setDate" -> to.setDate(at, Date.valueOf(text));
      case "setTime" -> to.setTime(at, Time.valueOf(text));
      case "setTimestamp" -> to.setTimestamp(at, Timestamp.valueOf(text));
      case "setNull" -> to.setNull(at, Types.NULL);
      case "setNullVarchar" -> to.setNull(at, Types.VARCHAR);
      case "setObject" -> to.setObject(at, text);
      default -> throw new IllegalArgumentException(setter);
    }
  }

  /** All rows as text, which no zone of this JVM shifts. */
  private static Map<String, Object> texts(ResultSet result) throws SQLException {
    try (result) {
      List<Object> columns = columns(result.getMetaData());
      List<Object> rows = new ArrayList<>();
      while (result.next()) {
        List<Object> row = new ArrayList<>();
        for (int i = 1; i <= columns.size(); i++) {
          row.add(result.getString(i));
        }
        rows.add(row);
      }
      return new LinkedHashMap<>(Map.of("columns", columns, "rows", rows));
    }
  }

  private static Map<String, Object> table(ResultSet result) throws SQLException {
    try (result) {
      List<Object> columns = columns(result.getMetaData());
      List<Object> rows = new ArrayList<>();
      List<String> classes = new ArrayList<>();
      while (result.next()) {
        List<Object> row = new ArrayList<>();
        for (int i = 1; i <= columns.size(); i++) {
          Object value = result.getObject(i);
          if (rows.isEmpty()) {
            classes.add(value == null ? null : value.getClass().getSimpleName());
          }
          row.add(plain(value));
        }
        rows.add(row);
      }
      Map<String, Object> table = new LinkedHashMap<>();
      table.put("columns", columns);
      table.put("classes", classes);
      table.put("rows", rows);
      return table;
    }
  }

  private static List<Object> columns(ResultSetMetaData metadata) throws SQLException {
    List<Object> columns = new ArrayList<>();
    for (int i = 1; i <= metadata.getColumnCount(); i++) {
      Map<String, Object> column = new LinkedHashMap<>();
      column.put("name", metadata.getColumnName(i));
      column.put("label", metadata.getColumnLabel(i));
      column.put("type", metadata.getColumnTypeName(i));
      column.put("code", metadata.getColumnType(i));
      column.put("precision", metadata.getPrecision(i));
      column.put("scale", metadata.getScale(i));
      column.put("nullable", metadata.isNullable(i));
      column.put("catalog", metadata.getCatalogName(i));
      column.put("schema", metadata.getSchemaName(i));
      column.put("table", metadata.getTableName(i));
      columns.add(column);
    }
    return columns;
  }

  private static Map<String, Object> told(Throwable error) {
    Map<String, Object> told = new LinkedHashMap<>();
    told.put("class", error.getClass().getSimpleName());
    told.put("message", String.valueOf(error.getMessage()));
    if (error instanceof SQLException) {
      told.put("state", ((SQLException) error).getSQLState());
    }
    if (!(error instanceof SQLException) && error.getStackTrace().length > 0) {
      told.put("at", error.getStackTrace()[0].toString());
    }
    return told;
  }

  /** A value as JSON has it: numbers and booleans as they are, other scalars as text. */
  private static Object plain(Object value) throws SQLException {
    if (value instanceof Array) {
      return plain(((Array) value).getArray());
    }
    if (value instanceof Struct) {
      return plain(((Struct) value).getAttributes());
    }
    if (value instanceof byte[]) {
      return new String((byte[]) value, StandardCharsets.UTF_8);
    }
    if (value instanceof int[]) {
      List<Object> items = new ArrayList<>();
      for (int item : (int[]) value) {
        items.add(item);
      }
      return items;
    }
    if (value instanceof Object[]) {
      return plain(Arrays.asList((Object[]) value));
    }
    if (value instanceof List) {
      List<Object> items = new ArrayList<>();
      for (Object item : (List<?>) value) {
        items.add(plain(item));
      }
      return items;
    }
    if (value instanceof Map) {
      Map<String, Object> items = new LinkedHashMap<>();
      for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
        items.put(String.valueOf(entry.getKey()), plain(entry.getValue()));
      }
      return items;
    }
    if (value instanceof BigDecimal) {
      return ((BigDecimal) value).toPlainString();
    }
    boolean scalar = value == null || value instanceof Number || value instanceof Boolean;
    return scalar ? value : value.toString();
  }

  private static String json(Object value) {
    StringBuilder text = new StringBuilder();
    write(text, value);
    return text.toString();
  }

  private static void write(StringBuilder to, Object value) {
    if (value instanceof Map) {
      String separator = "{";
      for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
        to.append(separator);
        quote(to, entry.getKey().toString());
        to.append(':');
        write(to, entry.getValue());
        separator = ",";
      }
      to.append(separator.equals("{") ? "{}" : "}");
    } else if (value instanceof List) {
      String separator = "[";
      for (Object item : (List<?>) value) {
        to.append(separator);
        write(to, item);
        separator = ",";
      }
      to.append(separator.equals("[") ? "[]" : "]");
    } else if (value == null || value instanceof Number || value instanceof Boolean) {
      to.append(value);
    } else {
      quote(to, value.toString());
    }
  }

  private static void quote(StringBuilder to, String text) {
    to.append('"');
    for (char letter : text.toCharArray()) {
      if (letter == '"' || letter == '\\') {
        to.append('\\').append(letter);
      } else if (letter < ' ' || letter > '~') {
        to.append(String.format("\\u%04x", (int) letter));
      } else {
        to.append(letter);
      }
    }
    to.append('"');
  }
}
