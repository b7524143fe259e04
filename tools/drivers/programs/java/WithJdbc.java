import org.postgresql.util.DriverInfo;

/** pgjdbc, unchanged. */
public final class WithJdbc {
  public static void main(String[] names) {
    Said said = new Said();
    Connecting.into(said);
    Working.into(said);
    Ending.into(said);
    said.run(DriverInfo.DRIVER_FULL_NAME, names);
  }
}
