// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CMalloc
import Finalization
import Hummingbird
import HummingbirdCore
import LeakAuditing
import Logging
import NIOCore
import NativeBuffers
import ServiceLifecycle
import UnixSignals

/// The command: starts the service, waits until a signal ends it, and audits.
@main
struct ThumbnailServer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "thumbnail-server",
    abstract: "Serves thumbnails of the pictures in a folder, and audits its own memory when it ends.",
    discussion: "SIGTERM and SIGINT end it. The exit code is 1 if the audit then finds anything.")

  @Argument(help: "The folder with the pictures.")
  var folder: String

  @Option(help: "The address to listen at.")
  var host = "127.0.0.1"

  @Option(help: "The port to listen at; 0 for any that is free.")
  var port = 8080

  @Option(help: ArgumentHelp("How much memory the cache of thumbnails may take.", valueName: "bytes"))
  var cacheLimit = 32 << 20

  @Option(help: ArgumentHelp("How much released memory may be kept for the next picture.", valueName: "bytes"))
  var idleLimit = 16 << 20

  @Option(help: "How many pictures may be decoded at the same time; the number of processors by default.")
  var jobs = System.coreCount

  func validate() throws {
    guard jobs > 0, cacheLimit >= 0, idleLimit >= 0 else { throw ValidationError("A limit is too small.") }
  }

  func run() async throws {
    // What a decoder takes from malloc goes back to the kernel from this size on. A progressive JPEG takes 3 bytes for
    // each pixel, and glibc would keep that for each thread.
    _ = mallopt(M_MMAP_THRESHOLD, 1 << 20)

    // The first buffer makes the shared arena, so this comes before it.
    var arena = Arena.Configuration.fromEnvironment
    arena.idleByteLimit = idleLimit
    try Arena.configureShared(arena)

    let logger = Logger(label: "thumbnail-server")
    let threads = DecodingThreads(count: jobs)
    let service = try ThumbnailService(folder: folder, cacheLimit: cacheLimit, threads: threads)
    let app = Application(
      router: service.router(), server: .http1(scopes: service.requests, logger: logger),
      configuration: ApplicationConfiguration(
        address: .hostname(host, port: port),
        // Each connection may send a picture, so this also limits the memory for what is being sent.
        availableConnectionsDelegate: MaximumAvailableConnections(256)),
      logger: logger)
    var group = ServiceGroupConfiguration(
      services: [app], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    // A client that sends slowly, or never ends, must not keep the process.
    group.maximumGracefulShutdownDuration = .seconds(10)
    try await ServiceGroup(configuration: group).run()

    try await threads.shutDown()
    service.thumbnails.removeAll()
    await service.thumbnails.flush()
    let report = try LeakAuditor.audit(expecting: .nothingLive)
    print(report.text)
    if !report.findings.isEmpty { throw ExitCode.failure }
  }
}
