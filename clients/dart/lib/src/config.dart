/// The server of each client without a `url`, `host` or `port` of its own. Read at each attempt to connect.
abstract final class Config {
  static String serverHost = 'localhost';
  static int serverPort = 8080;
}
