// SPDX-License-Identifier: Apache-2.0

import BufferWorkloads
import CBenchmarkSupport
import CNativeRuntime
import Glibc

/// What the first use of the ledger's memory costs. Its rows are processor time of the thread, because most of it is
/// the kernel's work.
enum LedgerFigures {
  private static let touched = 64 << 20
  /// As much as the process's ledger reserves, about: most of it stays unused.
  private static let reserved = 1 << 30
  /// By so much the entries' table grows at a time.
  private static let step = 1 << 20

  private static let namelessRow = "first touch of 64 MiB of the ledger, a file without a name"
  private static let namedRow = "first touch of 64 MiB of the ledger, a file in /dev/shm"

  static func firstTouch(_ effort: Effort) -> [Figure] {
    var anonymous: [Double] = []
    var nameless: [Double] = []
    var named: [Double] = []
    // The first round takes pages that the kernel may not have at hand. It does not count.
    for round in 0...effort.samples {
      let times = (touchAnonymous(), touchRegion(named: false), touchRegion(named: true))
      if round == 0 { continue }
      anonymous.append(times.0)
      nameless.append(times.1)
      named.append(times.2)
    }
    let reference = figure("first touch of 64 MiB of anonymous memory", anonymous)
    return [reference]
      + [figure(namelessRow, nameless), figure(namedRow, named)].map {
        var figure = $0.compared(with: reference, as: "anonymous")
        figure.goals = [.ratioAtMost(1.5, to: "anonymous")]
        return figure
      }
  }

  private static func figure(_ row: String, _ samples: [Double]) -> Figure {
    Figure(
      group: "first-touch", row: row, memory: .kernel, median: middle(of: samples), minimum: samples.min() ?? 0,
      unit: .milliseconds, samples: samples)
  }

  private static func touchAnonymous() -> Double {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let base = unsafe mmap(nil, reserved, PROT_READ | PROT_WRITE, flags, -1, 0), unsafe base != MAP_FAILED else {
      fail("the system gives no address space: errno \(errno)")
    }
    defer { unsafe munmap(base, reserved) }
    return milliseconds { unsafe bench_touch_pages(base, touched) }
  }

  /// The library's own steps: memory for entries is taken piece by piece, and each piece is then written for the first
  /// time.
  private static func touchRegion(named isNamed: Bool) -> Double {
    let name = "/dev/shm/buffer-figures-\(getpid())"
    let file =
      unsafe isNamed
      ? cnativeruntime_make_named_file(name, reserved) : cnativeruntime_make_nameless_file("buffer-figures", reserved)
    guard file >= 0 else { fail("the system gives no file for a ledger: errno \(errno)") }
    if isNamed { unsafe unlink(name) }
    var region = unsafe cnativeruntime_region()
    unsafe region.byte_count = reserved
    unsafe region.has_name = isNamed
    guard unsafe cnativeruntime_region_map(&region, file), let base = unsafe region.base else {
      fail("the system does not map a ledger: errno \(errno)")
    }
    defer {
      unsafe cnativeruntime_region_close(&region)
      unsafe munmap(base, reserved)
    }
    return milliseconds {
      for begin in stride(from: 0, to: touched, by: step) {
        let code = unsafe cnativeruntime_region_make_usable(&region, begin, begin + step)
        guard code == 0 else { fail("the ledger does not grow: errno \(code)") }
        unsafe bench_touch_pages(base + begin, step)
      }
    }
  }

  private static func milliseconds(_ body: () -> Void) -> Double {
    let start = bench_thread_nanoseconds()
    body()
    return Double(bench_thread_nanoseconds() - start) / 1e6
  }
}
