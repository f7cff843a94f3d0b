// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import NativeBuffers
import TestSupport
import Testing

@testable import LedgerReading
@testable import ledger_trials

/// Each term is compared with what a process did (Tests/LedgerTrials/ResidencyTrial.swift).
@Suite(
  "The sum of a real process",
  .enabled(if: ProcessMalloc.owner != .another, "A sanitizer maps terabytes, and mimalloc reserves gigabytes."))
struct ResidentProcessTests {
  private static let page = Int(sysconf(Int32(_SC_PAGESIZE)))

  /// What one step of the child did, and what its memory was then.
  private struct Step {
    let state: ResidencyTrial.State
    let sum: ResidentSum

    func resident(_ term: ResidentSum.Term) -> Int { sum[term]?.resident ?? 0 }
    func size(_ term: ResidentSum.Term) -> Int { sum[term]?.size ?? 0 }
  }

  /// Runs the child step by step, and looks at it after each step.
  private static func steps(answers: Bool) throws -> [String: Step] {
    let child = try TrialProcess(["residency"])
    var steps: [String: Step] = [:]
    while let line = child.nextLine() {
      let state = try JSONDecoder().decode(ResidencyTrial.State.self, from: Data(line.utf8))
      let sum = try ResidentSum(
        ofProcess: Int32(child.id), blocks: state.blocks.shuffled(), allocator: answers ? state.allocator : nil,
        pageByteCount: page
      ) { $0.range.overlaps(state.ledger) }
      steps[state.step] = Step(state: state, sum: sum)
      child.takeStep()
    }
    #expect(child.finish() == 0, "\(child.errors)")
    return steps
  }

  /// Bytes of a large block in the pages that were touched: the first half of its bytes was.
  private static func touched(_ block: MemoryBlock) -> Int {
    let end = Int(block.address) + ResidencyTrial.largeByteCount / 2
    return (end + page - 1) & ~(page - 1) - Int(block.address)
  }

  @Test("Each term is what the process did: halves touched, disposed, trimmed, purged")
  func halves() throws {
    let steps = try Self.steps(answers: true)
    let nothing = try #require(steps["nothing"])
    let live = try #require(steps["live"])
    let disposed = try #require(steps["disposed"])
    let trimmed = try #require(steps["trimmed"])
    let purged = try #require(steps["purged"])
    for step in steps.values {
      #expect(step.sum.rows.reduce(0) { $0 + $1.resident } == step.sum.total)
      // About 44 KiB: small mappings that the loader and libraries made without a name, and a page of the kernel's.
      #expect((0...256 << 10).contains(step.resident(.other)), "\(step.state.step)\n\(step.sum)")
      #expect(step.resident(.malloc) >= ResidencyTrial.mallocByteCount)
      #expect(step.resident(.malloc) <= step.size(.malloc) + 2 << 20)
      #expect(step.resident(.books) > 0)
      #expect(step.resident(.files) > 1 << 20)
      #expect(step.resident(.stacks) > 0 && step.resident(.stacks) < 1 << 20)
    }
    let (large, small) = (ResidencyTrial.largeCount, ResidencyTrial.smallCount)
    let asked = large * (ResidencyTrial.largeByteCount - 1_000) + small * ResidencyTrial.smallByteCount
    let largeBlocks = live.state.blocks.filter { $0.capacity == ResidencyTrial.largeByteCount }
    #expect(largeBlocks.count == large)
    let touched = largeBlocks.reduce(0) { $0 + Self.touched($1) }
    let roundingOfSmall = small * (128 - ResidencyTrial.smallByteCount)
    // What the blocks' pages have besides the blocks: bytes before a large block, and places in pages of small blocks.
    let besideBlocks =
      largeBlocks.reduce(0) { $0 + Int($1.address) % Self.page }
      + (small * 128 + Self.page - 1) / Self.page * Self.page - small * 128
    let pages = touched + small * 128 + besideBlocks

    #expect(live.size(.live) == asked)
    #expect(live.size(.rounding) == large * 1_000 + roundingOfSmall)
    #expect(live.resident(.idle) == 0 && live.resident(.dirty) == 0)
    #expect(disposed.size(.idle) == large * ResidencyTrial.largeByteCount + small * 128)
    #expect(disposed.resident(.live) == 0 && disposed.resident(.rounding) == 0)
    #expect(trimmed.resident(.live) == 0 && trimmed.resident(.idle) == 0)
    #expect(trimmed.size(.dirty) >= pages)
    #expect(purged.resident(.dirty) == 0 && purged.size(.dirty) == 0)
    #expect(purged.size(.idle) == 0)
    // jemalloc's own structures are not told apart from dirty pages, so they may be among these.
    let own = disposed.resident(.jemalloc)
    #expect(own > 0 && own < 2 << 20)
    if live.sum.hugePages == 0 {
      #expect(live.resident(.live) == touched + small * ResidencyTrial.smallByteCount)
      #expect(live.resident(.rounding) == roundingOfSmall)
      #expect(live.resident(.freePlaces) == besideBlocks)
      #expect(disposed.resident(.idle) == touched + small * 128)
      #expect(disposed.resident(.freePlaces) == besideBlocks)
      #expect(trimmed.resident(.freePlaces) == 0)
      // Nor are unused pages of `malloc`, if it is jemalloc's.
      let ofMalloc = live.state.allocator.isJemallocsMalloc ? 2 << 20 : 0
      #expect((pages...pages + own + ofMalloc).contains(trimmed.resident(.dirty)))
      let others = [ResidentSum.Term.malloc, .books, .files, .stacks, .other]
      let change = others.reduce(0) { $0 + purged.resident($1) - disposed.resident($1) }
      #expect(purged.sum.total - disposed.sum.total - change <= -pages + ofMalloc)
    } else {
      // Then more was touched than the process asked for.
      #expect(live.resident(.live) >= touched)
      #expect(disposed.resident(.idle) >= touched)
      #expect(trimmed.resident(.dirty) >= touched)
    }
    #expect(nothing.resident(.live) == 0)
  }

  @Test("Without an answer of the process, what its unused memory is stays open, and the sum adds up")
  func noAnswer() throws {
    let steps = try Self.steps(answers: false)
    for step in steps.values {
      #expect(step.sum.rows.reduce(0) { $0 + $1.resident } == step.sum.total)
      #expect(step.sum[.dirty] == nil && step.sum[.jemalloc] == nil)
      #expect(step.resident(.unused) > 0)
    }
    let disposed = try #require(steps["disposed"])
    let trimmed = try #require(steps["trimmed"])
    #expect(trimmed.resident(.unused) - disposed.resident(.unused) >= disposed.resident(.idle))
  }
}
