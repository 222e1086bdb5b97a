/// A client of a Simulcast service, for Flutter and Dart on every platform, without a dependency.
///
/// [Gateway] is the static class of the guide. [GatewayClient] is the same with instances, typed events and commands.
library;

export 'src/client.dart';
export 'src/command_methods.dart';
export 'src/commands.dart' show CommandRejected, CommandResult, CommandTimeout;
export 'src/config.dart';
export 'src/downloads.dart';
export 'src/events.dart';
export 'src/gateway.dart';
export 'src/limits.dart';
export 'src/readers.dart' show SlowReaderException;
export 'src/request_methods.dart';
export 'src/socket.dart' show ConnectionFailed, GatewaySocket, SocketOpener;
export 'src/state.dart';
