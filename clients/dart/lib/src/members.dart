/// Reads the members of a message.
extension Members on Map<String, Object?> {
  /// Throws [FormatException] for a member that is missing or of another type.
  T need<T extends Object>(String name) => maybe<T>(name) ?? (throw FormatException('the member $name is missing'));

  /// Null where it is missing. Throws [FormatException] for one of another type.
  T? maybe<T extends Object>(String name) => switch (this[name]) {
        null => null,
        final T value => value,
        _ => throw FormatException('the member $name is no $T'),
      };

  /// Null where it is missing or of another type.
  T? ifIs<T extends Object>(String name) => switch (this[name]) {
        final T value => value,
        _ => null,
      };
}
