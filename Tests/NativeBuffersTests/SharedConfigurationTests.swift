// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

@testable import NativeBuffers

@Suite("The shared arena's configuration")
struct SharedConfigurationTests {
  @Test("Variables of the environment set what the shared arena keeps")
  func environment() async {
    await #expect(processExitsWith: .success) {
      unsafe setenv("NATIVE_BUFFERS_IDLE_LIMIT", "32MiB", 1)
      unsafe setenv("NATIVE_BUFFERS_IDLE_TIME", "1m30s", 1)
      unsafe setenv("NATIVE_BUFFERS_DIRTY_TIME", "never", 1)
      unsafe setenv("NATIVE_BUFFERS_HUGE_PAGES", "yes", 1)
      let configuration = Arena.shared.configuration
      #expect(configuration.idleByteLimit == 32 << 20)
      #expect(configuration.idleTime == .seconds(90))
      #expect(configuration.dirtyDecay == nil)
      #expect(configuration.prefersHugePages)
    }
  }

  @Test(
    "A value that cannot be used is ignored with one line, and an empty one without a line",
    arguments: ["", "lots", "-1"])
  func refusedValue(value: String) async throws {
    let result = try await #require(
      processExitsWith: .success, observing: [\.standardErrorContent]
    ) { [value] in
      for name in ["LIMIT", "TIME"] { unsafe setenv("NATIVE_BUFFERS_IDLE_\(name)", value, 1) }
      unsafe setenv("NATIVE_BUFFERS_HUGE_PAGES", value, 1)
      let (configuration, usual) = (Arena.shared.configuration, Arena.Configuration())
      #expect(configuration.idleByteLimit == usual.idleByteLimit && configuration.idleTime == usual.idleTime)
      #expect(!configuration.prefersHugePages)
    }
    let lines = String(decoding: result.standardErrorContent, as: UTF8.self).split(separator: "\n")
    for name in ["IDLE_LIMIT", "IDLE_TIME", "HUGE_PAGES"] {
      let count = lines.count { $0.hasPrefix("NativeBuffers: NATIVE_BUFFERS_\(name)=\(value) is ignored. Give ") }
      #expect(count == (value.isEmpty ? 0 : 1))
    }
  }

  @Test("A time that no arena may have is refused")
  func longTime() async throws {
    await #expect(processExitsWith: .success) {
      unsafe setenv("NATIVE_BUFFERS_IDLE_TIME", "9000000000000d", 1)
      #expect(Arena.shared.configuration.idleTime == Arena.Configuration().idleTime)
    }
  }

  @Test("What the program chooses before the first use replaces what the environment says; later, nothing changes")
  func chosen() async {
    await #expect(processExitsWith: .success) {
      unsafe setenv("NATIVE_BUFFERS_IDLE_LIMIT", "32MiB", 1)
      var configuration = Arena.Configuration.fromEnvironment
      configuration.idleTime = .seconds(7)
      try Arena.configureShared(configuration)
      var code: ArenaError.Code?
      do throws(ArenaError) { try Arena.configureShared(.init(idleByteLimit: -1)) } catch { code = error.code }
      #expect(code == .invalidConfiguration)
      #expect(Arena.shared.configuration.idleByteLimit == 32 << 20)
      #expect(Arena.shared.configuration.idleTime == .seconds(7))
      do throws(ArenaError) { try Arena.configureShared(.init()) } catch {
        code = error.code
        #expect("\(error)".contains("Call Arena.configureShared before the program's first buffer"))
      }
      #expect(code == .sharedArenaExists)
      #expect(Arena.shared.configuration.idleTime == .seconds(7))
    }
  }
}
