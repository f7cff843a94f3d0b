// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import Hummingbird

extension DecodingLimits {
  /// What a picture of a stranger may cost.
  static let strangers: DecodingLimits = {
    var limits = DecodingLimits()
    limits.encodedByteCount = 16 << 20
    limits.pixelCount = 24_000_000  // As it is decoded: a photo for a thumbnail counts in its reduced size.
    limits.workingMemoryByteCount = 128 << 20
    limits.wallTime = .seconds(5)
    return limits
  }()
}

/// Answers with the message of the library, without the path, if a picture cannot be decoded.
struct PictureErrors<Context: RequestContext>: RouterMiddleware {
  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch let error as BitmapError {
      throw HTTPError(error.status, message: "\(error.code): \(error.reason)")
    }
  }
}

extension BitmapError {
  fileprivate var status: HTTPResponse.Status {
    switch code {
    case .invalidArgument: .badRequest
    case .unreadableFile: .notFound
    case .limitExceeded where exceededLimit?.name == "encodedByteCount": .contentTooLarge
    case .outOfMemory, .cancelled: .serviceUnavailable
    default: .unprocessableContent
    }
  }
}
