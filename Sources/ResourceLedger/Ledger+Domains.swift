import Synchronization

/// What sort of resource a domain counts.
public struct DomainKind: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// A jemalloc arena; the bucket of its entries is a size class index.
  public static var arena: DomainKind { DomainKind(rawValue: 1) }
  /// Memory that somebody else allocated and a buffer adopted. It has no census: one book only.
  public static var adoptedMemory: DomainKind { DomainKind(rawValue: 2) }
}

extension Ledger {
  private static let recordKind = 0
  private static let recordName = 8
  private static let reservedDomains = 16
  private static var nameCapacity: Int { LedgerLayout.recordSize - recordName }

  /// Names a kind of resource. A name longer than 56 bytes of UTF-8 is cut.
  package func addDomain(_ kind: DomainKind, name: String) throws(LedgerError) -> DomainID {
    interning.lock()
    defer { interning.unlock() }
    let count = domainCount
    let reusable = freeDomains.popLast()
    let index = reusable ?? count
    // The last records are for what a process has one of, and notices late: native resources, adopted memory.
    let isOneOfMany = kind == .custom || kind == .finalizationRegistry
    guard index < LedgerLayout.domainCapacity - (isOneOfMany ? Self.reservedDomains : 0) else {
      if let reusable { freeDomains.append(reusable) }
      throw LedgerError(.tooManyDomains(capacity: LedgerLayout.domainCapacity))
    }
    let record = LedgerLayout.domainsOffset + index * LedgerLayout.recordSize
    let bytes = Array(name.utf8.prefix(Self.nameCapacity))
    for offset in 0..<Self.nameCapacity {
      let byte = offset < bytes.count ? bytes[offset] : 0
      unsafe base.storeBytes(of: byte, toByteOffset: record + Self.recordName + offset, as: UInt8.self)
    }
    unsafe atomic32(at: record + Self.recordKind).pointee.store(kind.rawValue, ordering: .releasing)
    if reusable == nil {
      unsafe atomic32(at: LedgerLayout.domainCountOffset).pointee.store(UInt32(count + 1), ordering: .releasing)
    }
    return DomainID(rawValue: UInt16(index))
  }

  /// Takes a domain out of use. No entry of it may be in use.
  package func removeDomain(_ domain: DomainID) {
    interning.withLock {
      let record = LedgerLayout.domainsOffset + Int(domain.rawValue) * LedgerLayout.recordSize
      unsafe atomic32(at: record + Self.recordKind).pointee.store(0, ordering: .releasing)
      freeDomains.append(Int(domain.rawValue))
    }
  }

  /// Domain records ever used, record 0 ("no domain") included.
  public var domainCount: Int {
    Int(unsafe atomic32(at: LedgerLayout.domainCountOffset).pointee.load(ordering: .acquiring))
  }

  /// A domain's kind; raw value 0 where the record is not in use.
  public func domainKind(_ domain: DomainID) -> DomainKind {
    guard Int(domain.rawValue) < domainCount else { return DomainKind(rawValue: 0) }
    let record = LedgerLayout.domainsOffset + Int(domain.rawValue) * LedgerLayout.recordSize
    return DomainKind(rawValue: unsafe atomic32(at: record + Self.recordKind).pointee.load(ordering: .acquiring))
  }

  public func domainName(_ domain: DomainID) -> String {
    guard Int(domain.rawValue) < domainCount else { return "" }
    let record = LedgerLayout.domainsOffset + Int(domain.rawValue) * LedgerLayout.recordSize
    let bytes = (0..<Self.nameCapacity).map { offset in
      unsafe base.load(fromByteOffset: record + Self.recordName + offset, as: UInt8.self)
    }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
