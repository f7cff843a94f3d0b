import ResourceLedger

/// The process's ledger, reached without counting references: threads that each retain and release the same
/// object wait for each other.
enum SharedLedger {
  // SAFETY: the shared ledger is never deallocated.
  private static let ledger = unsafe Unmanaged.passUnretained(Ledger.shared)

  @inline(__always)
  static func intern(file: StaticString, line: UInt, function: StaticString) -> SiteID {
    unsafe ledger._withUnsafeGuaranteedRef { $0.intern(file: file, line: line, function: function) }
  }

  @inline(__always)
  static func acquireEntry(domain: DomainID) throws(LedgerError) -> LedgerEntry {
    let classification = LedgerEntry.Classification(domain: domain, bucket: 0)
    let result = unsafe ledger._withUnsafeGuaranteedRef { ledger in
      Result { () throws(LedgerError) in try ledger.acquireEntry(classification) }
    }
    return try result.get()
  }

  @inline(__always)
  static func releaseEntry(_ entry: LedgerEntry) {
    unsafe ledger._withUnsafeGuaranteedRef { _ = $0.releaseEntry(entry) }
  }
}
