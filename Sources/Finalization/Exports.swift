// SPDX-License-Identifier: Apache-2.0

// Clients of this module use sites, domains and ledger errors, and mark what they keep on purpose. These exports save
// them a second import.
@_exported public import struct ResourceLedger.Census
@_exported public import struct ResourceLedger.DomainID
@_exported public import struct ResourceLedger.DomainKind
@_exported public import struct ResourceLedger.LedgerError
@_exported public import enum ResourceLedger.ProcessLifetime
@_exported public import protocol ResourceLedger.CacheableResource
@_exported public import protocol ResourceLedger.ResourceDomain
@_exported public import enum ResourceLedger.ResourceDomains
@_exported public import struct ResourceLedger.Site
