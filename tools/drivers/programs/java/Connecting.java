import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import org.postgresql.PGConnection;

/** pgjdbc: connections. */
final class Connecting {
  static void into(Said said) {
    for (String mode : List.of("disable", "allow", "prefer", "require", "verify-ca", "verify-full"))
      said.feature("tls-" + mode, () -> over("sslmode", mode));
    said.feature("tls-wrong-authority", () -> Said.turnedDown("Path does not chain with any of the trust anchors", () -> over("sslrootcert", Db.env("OTHER_AUTHORITY"))));
    said.feature("tls-wrong-name", () -> Said.turnedDown("could not be verified by hostnameverifier", () -> over("where", "localhost:" + Db.env("PGPORT"))));
    said.feature("tls-direct", Connecting::direct);
    said.feature("clear-on-loopback", () -> over("sslmode", "disable", "where", Db.at("CLEAR")));
    said.absent("it needs a socket factory of somebody else's", "unix-socket");
    said.feature("channel-binding-prefer", () -> over("channelBinding", "prefer"));
    said.feature("channel-binding-require", () -> over("channelBinding", "require"));
    said.feature("wrong-password", Connecting::wrongPassword);
    said.feature("multi-host", () -> over("where", Db.at("DEAD") + "," + here(), "hostRecheckSeconds", "0"));
    said.feature("multi-host-writable", Connecting::writable);
    said.feature("target-unmet", () -> Said.turnedDown("Could not find a server with specified targetServerType: secondary", () -> over("targetServerType", "secondary", "hostRecheckSeconds", "0")));
    said.feature("startup-options", () -> shown("options", "-c statement_timeout=4321 -c search_path=public,pg_catalog -c TimeZone=Asia/Tokyo", "statement_timeout", "search_path"));
    said.feature("startup-unsafe", () -> shown("options", "-c work_mem=8MB", "work_mem"));
    said.feature("application-name", () -> shown("ApplicationName", "ledger", "application_name"));
    said.absent("it speaks UTF-8 only", "client-encoding");
    said.feature("replication", Connecting::replication);
    said.feature("protocol-newest", () -> over("protocolVersion", "3.2"));
    said.feature("connect-timeout", () -> Said.turnedDown("Connection attempt timed out", () -> over("where", Db.at("SILENT"), "loginTimeout", "3")));
  }

  private static String here() {
    return Db.env("PGHOST") + ":" + Db.env("PGPORT");
  }

  /** Whether a session so opened works. The driver does not tell what lies below it. */
  private static Object over(String... changed) throws SQLException {
    try (Connection connection = Db.open(changed)) {
      return Db.one(connection, "select 1");
    }
  }

  private static Object direct() throws SQLException {
    try {
      return over("sslNegotiation", "direct");
    } catch (SQLException error) {
      return "the server has none";
    }
  }

  private static Object wrongPassword() throws SQLException {
    try {
      return over("password", "not it");
    } catch (SQLException error) {
      if (!error.getMessage().contains("password authentication failed")) throw error;
      return error.getSQLState();
    }
  }

  private static Object writable() throws SQLException {
    String hosts = Db.at("READONLY") + "," + here();
    try (Connection any = Db.open("where", hosts, "hostRecheckSeconds", "0"); Connection primary = Db.open("where", hosts, "targetServerType", "primary", "hostRecheckSeconds", "0")) {
      String show = "show transaction_read_only";
      return List.of(Db.one(any, show), Db.one(primary, show));
    }
  }

  private static Object shown(String setting, String value, String... names) throws SQLException {
    try (Connection connection = Db.open(setting, value)) {
      StringBuilder seen = new StringBuilder();
      for (String name : names) seen.append(Db.one(connection, "show " + name)).append(' ');
      return seen;
    }
  }

  private static Object replication() throws SQLException {
    try (Connection connection = Db.open("replication", "database", "assumeMinServerVersion", "9.4", "preferQueryMode", "simple")) {
      return Db.rows(connection, "IDENTIFY_SYSTEM").get(0).size() + connection.unwrap(PGConnection.class).getReplicationAPI().getClass().getSimpleName();
    }
  }
}
