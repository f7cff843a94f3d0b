// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import HummingbirdCore
import LeakAuditing
import Logging
import Synchronization

/// How many requests there were, and how many of them left something.
final class RequestCounts: Sendable {
  let all = Atomic(0)
  let leaving = Atomic(0)
}

extension HTTPServerBuilder {
  /// Runs each request in a scope of its own, which names what the request left, with its lines.
  ///
  /// This is no middleware, because Hummingbird writes the body of an answer after the middlewares have returned: what
  /// the body has would always be left. Around the writer of the answer, the scope ends when the body is written.
  static func http1(scopes counts: RequestCounts, logger: Logger) -> HTTPServerBuilder {
    HTTPServerBuilder { respond in
      HTTP1Channel(
        responder: { request, writer, channel in
          counts.all.add(1, ordering: .relaxed)
          var writer = Optional(writer)
          let name = "\(request.method) \(request.uri.path)"
          // A scope whose closure throws gives no report, and requests that were aborted should have one, too.
          let (outcome, report) = await LeakAuditor.scope(name) {
            do {
              if let writer = writer.take() { try await respond(request, writer, channel) }
              return Result<Void, any Error>.success(())
            } catch {
              return .failure(error)
            }
          }
          if !report.findings.isEmpty {
            counts.leaving.add(1, ordering: .relaxed)
            logger.warning("a request left memory", metadata: ["report": "\(report)"])
          }
          try outcome.get()
        },
        // A connection that sends nothing is closed.
        configuration: .init(idleTimeout: .seconds(30)))
    }
  }
}
