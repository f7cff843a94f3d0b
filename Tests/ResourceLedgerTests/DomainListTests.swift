// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ResourceLedger

@Suite("The list of domains")
struct DomainListTests {
  private final class Empty: ResourceDomain {
    let name: String
    init(_ name: String) { self.name = name }
    func census() -> Census { Census(count: 0, byteCount: 0) }
  }

  /// Keeps the memory of a domain that is gone, but not the domain, so that no later domain has the same address: such
  /// a domain would take the place of the first one on the list.
  private struct TakenAddress {
    unowned let domain: Empty
  }

  @Test("Domains that go away without being removed do not fill the list, and those that exist stay on it")
  func deadDomains() async {
    // This has a process of its own, because other tests list domains, too.
    await #expect(processExitsWith: .exitCode(0)) {
      let kept = (0..<10).map { Empty("kept \($0)") }
      for domain in kept { _ = try ResourceDomains.add(domain) }
      var longest = 0
      var addresses: [TakenAddress] = []
      for number in 0..<1_000 {
        let domain = Empty("short-lived \(number)")
        addresses.append(TakenAddress(domain: domain))
        _ = try ResourceDomains.add(domain)
        longest = max(longest, ResourceDomains.listLength)
      }
      for _ in 0..<1_000 {
        let domain = Empty("the library's own")
        addresses.append(TakenAddress(domain: domain))
        ResourceDomains.list(domain, as: .none)
        longest = max(longest, ResourceDomains.listLength)
      }
      #expect(longest <= 64 && addresses.count == 2_000)
      #expect(ResourceDomains.all.map(\.domain.name) == kept.map(\.name))
    }
  }
}
