// SPDX-License-Identifier: Apache-2.0

/// Why a picture could not be decoded, changed or written.
///
/// ``code`` is for programs. ``description`` is for people: it says where, what happened, and what helps. When a
/// function of this module throws, every native buffer that it made has been released.
public struct BitmapError: Error, Sendable {
  /// What kind of error it is, for programs to act on.
  public struct Code: Hashable, Sendable {
    enum Kind: String {
      case notAPicture, unsupported, corrupt, truncated, limitExceeded
      case unreadableFile, unwritableFile, outOfMemory, invalidArgument, pixelsUnavailable
      case cancelled
    }

    let kind: Kind

    /// The bytes are not a picture, or there are no bytes.
    public static let notAPicture = Code(kind: .notAPicture)
    /// The bytes are a picture, but this module does not decode its format or variant.
    public static let unsupported = Code(kind: .unsupported)
    /// The bytes break the rules of their format.
    public static let corrupt = Code(kind: .corrupt)
    /// The bytes end before the picture does.
    public static let truncated = Code(kind: .truncated)
    /// The picture would cost more than is allowed; ``BitmapError/exceededLimit`` has the figures.
    public static let limitExceeded = Code(kind: .limitExceeded)
    /// The file is missing, may not be read, is not a regular file, or failed while it was read.
    public static let unreadableFile = Code(kind: .unreadableFile)
    /// The file could not be created or written. An existing file at the path is unchanged.
    public static let unwritableFile = Code(kind: .unwritableFile)
    /// There was no memory for the pixels or for the codec.
    public static let outOfMemory = Code(kind: .outOfMemory)
    /// The caller asked for something impossible, such as a width of 0.
    public static let invalidArgument = Code(kind: .invalidArgument)
    /// The bitmap was disposed, or other code is writing to it.
    public static let pixelsUnavailable = Code(kind: .pixelsUnavailable)
    /// The calling task was cancelled.
    public static let cancelled = Code(kind: .cancelled)
  }

  /// A limit, what the picture would have needed, and what was allowed.
  public struct ExceededLimit: Hashable, Sendable {
    /// The name of the property of ``DecodingLimits``, or of the argument, that set the limit.
    public let name: String
    /// Nil if the codec stopped at the limit and did not say how much more it needed. For a time limit, the time that
    /// had passed when the work stopped, rounded up.
    public let needed: Int?
    public let allowed: Int
    /// "pixels", "bytes", "scans" or "milliseconds".
    public let unit: String
  }

  public internal(set) var code: Code
  /// The format of the picture, if it was known.
  public internal(set) var format: PictureFormat?
  /// The path of the file, if there was a file.
  public internal(set) var path: String?
  /// What happened and what helps, without the path.
  public internal(set) var reason: String
  public internal(set) var exceededLimit: ExceededLimit?
  /// The `errno` of a failed system call.
  public internal(set) var systemErrorNumber: Int32?
  /// The error of a lower layer, such as the allocator's.
  public internal(set) var underlyingError: (any Error)?

  init(
    _ code: Code, _ reason: String, format: PictureFormat? = nil, path: String? = nil, systemErrorNumber: Int32? = nil,
    underlyingError: (any Error)? = nil
  ) {
    self.code = code
    self.reason = reason
    self.format = format
    self.path = path
    self.systemErrorNumber = systemErrorNumber
    self.underlyingError = underlyingError
  }

  /// `purpose` says what the amount is for, such as " of coefficients". `extent` makes the amount a length instead of a
  /// need, such as "wide".
  init(
    exceeding limit: ExceededLimit, format: PictureFormat?, subject: String, purpose: String = "",
    extent: String? = nil, advice: String = "Raise the limit if you trust where the picture comes from."
  ) {
    self.init(.limitExceeded, "", format: format)
    let needed =
      limit.needed.map { needed in
        let amount = Self.amount(needed, limit.unit)
        return extent.map { "is \(amount) \($0)" } ?? "needs \(amount)\(purpose)"
      } ?? "needs more"
    reason =
      "\(subject) \(needed); the limit `\(limit.name)` is \(Self.amount(limit.allowed, limit.unit)). "
      + advice
    exceededLimit = limit
  }

  /// The same error with the path of the file, for layers that know the path.
  func naming(_ path: String) -> BitmapError {
    var copy = self
    copy.path = self.path ?? path
    return copy
  }

  private static func amount(_ value: Int, _ unit: String) -> String {
    guard unit == "bytes", value >= 1 << 20 else { return "\(value) \(unit)" }
    let (size, name) = value >= 1 << 30 ? (1 << 30, "GiB") : (1 << 20, "MiB")
    // Rounded to the nearest tenth. The whole part is computed separately, so nothing can overflow.
    let tenths = value / size * 10 + (value % size * 10 + size / 2) / size
    return "\(value) bytes (\(tenths / 10).\(tenths % 10) \(name))"
  }
}

extension BitmapError: CustomStringConvertible {
  public var description: String { path.map { "\($0): \(reason)" } ?? reason }
}

extension BitmapError.Code: CustomStringConvertible {
  public var description: String { kind.rawValue }
}
