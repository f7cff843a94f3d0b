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

  @Test("Domains that go away without being removed do not fill the list, and those that exist stay on it")
  func deadDomains() async {
    // This has a process of its own, because other tests list domains, too.
    await #expect(processExitsWith: .exitCode(0)) {
      let kept = (0..<10).map { Empty("kept \($0)") }
      for domain in kept { _ = try ResourceDomains.add(domain) }
      var longest = 0
      for number in 0..<1_000 {
        _ = try ResourceDomains.add(Empty("short-lived \(number)"))
        longest = max(longest, ResourceDomains.listLength)
      }
      for _ in 0..<1_000 {
        ResourceDomains.list(Empty("the library's own"), as: .none)
        longest = max(longest, ResourceDomains.listLength)
      }
      #expect(longest <= 64)
      #expect(ResourceDomains.all.map(\.domain.name) == kept.map(\.name))
    }
  }
}
