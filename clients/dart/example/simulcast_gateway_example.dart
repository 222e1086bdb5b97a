// Prints the progress of all downloads, and pauses the first that runs: dart run example/simulcast_gateway_example.dart

import 'package:simulcast_gateway/simulcast_gateway.dart';

Future<void> main() async {
  final client = GatewayClient(onStateChange: print);
  final events = client.events; // each listener gets what comes from now on
  await client.init();
  var isFirst = true;
  await for (final event in events) {
    switch (event) {
      case DownloadProgress(:final downloadId, :final progress, :final speed):
        print('$downloadId: ${(progress * 100).round()} % at $speed bytes a second');
        if (isFirst) {
          isFirst = false;
          print(await _pause(client, downloadId));
        }
      case DownloadComplete(:final filePath):
        print('complete: $filePath');
      case DownloadError(:final errorMessage):
        print('failed: $errorMessage');
      case DownloadEvent() || JobEvent() || OtherEvent():
        break;
    }
  }
}

Future<Object> _pause(GatewayClient client, String downloadId) async {
  try {
    return await client.pause(downloadId);
  } on CommandRejected catch (rejection) {
    return rejection;
  } on CommandTimeout catch (timeout) {
    return timeout;
  }
}
