// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import BitmapsNIO
import Finalization
import Hummingbird
import NIOCore

/// The routes, and what they share.
struct ThumbnailService: Sendable {
  /// A thumbnail is another one if the file has changed since.
  struct Key: Hashable, Sendable {
    let file: PictureFolder.File
    let side: Int
  }

  let folder: PictureFolder
  let thumbnails: ResourceCache<Key, Thumbnail>
  let threads: DecodingThreads
  let requests = RequestCounts()

  init(folder: String, cacheLimit: Int, threads: DecodingThreads) throws {
    self.folder = try PictureFolder(path: folder)
    // The limit counts the blocks that thumbnails take: `Thumbnail.allocatedByteCount`.
    thumbnails = ResourceCache(name: "thumbnails", strongByteLimit: cacheLimit)
    self.threads = threads
  }

  func router() -> Router<BasicRequestContext> {
    let router = Router()
    router.add(middleware: PictureErrors())
    router.get("/healthz") { _, _ in "ok\n" }
    router.get("/metrics") { _, _ in try metrics() }
    router.get("/thumb") { request, _ in try await thumbnail(request) }
    router.post("/resize") { request, _ in try await resized(request) }
    return router
  }

  /// `GET /thumb?file=NAME&side=N`
  private func thumbnail(_ request: Request) async throws -> Response {
    let side = try request.side()
    let file = try folder.file(named: request.uri.queryParameters.get("file") ?? "")
    // Requests for the same thumbnail wait for one load, which is in the scope of the request that came first.
    let thumbnail = try await thumbnails.value(for: Key(file: file, side: side)) {
      try await threads.run {
        try Thumbnail(Bitmap(decodingFileAt: file.path, minimumWidth: side, limits: .strangers), side: side)
      }
    }
    // Without a copy: the memory stays until the last answer is sent, even if the cache drops the thumbnail meanwhile.
    return Response(status: .ok, headers: [.contentType: "image/jpeg"], body: ResponseBody(byteBuffer: thumbnail.bytes))
  }

  /// `POST /resize?side=N`
  private func resized(_ request: Request) async throws -> Response {
    let side = try request.side()
    var decoder = Optional(PictureDecoder(minimumWidth: side, limits: .strangers))
    // A picture that is too large, or is none, is refused here, as soon as that is known.
    for try await piece in request.body { try decoder?.append(piece) }
    let picture = try await threads.run {
      guard let decoder = decoder.take() else { throw HTTPError(.badRequest) }
      return try Thumbnail(decoder.finish(), side: side)
    }
    let body = ResponseBody(contentLength: picture.bytes.readableBytes) { writer in
      var rest = picture.bytes
      while let piece = rest.readSlice(length: min(rest.readableBytes, 65_536)), piece.readableBytes > 0 {
        // A copy, because the channel keeps the last pieces for a moment after the end of the request. Its scope would
        // take that for a leak. Of a thumbnail in the cache it does not.
        try await writer.write(ByteBuffer(buffer: piece))
      }
      try await writer.finish(nil)
    }
    return Response(status: .ok, headers: [.contentType: "image/jpeg"], body: body)
  }
}

extension Request {
  fileprivate func side() throws -> Int {
    guard let side = uri.queryParameters.get("side", as: Int.self), (1...4_096).contains(side) else {
      throw HTTPError(.badRequest, message: "`side` must be 1 to 4096.")
    }
    return side
  }
}
