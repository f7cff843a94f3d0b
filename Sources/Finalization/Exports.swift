// Users of finalization name sites, domains and ledger errors: they get them with this one import.
@_exported public import struct ResourceLedger.Census
@_exported public import struct ResourceLedger.DomainID
@_exported public import struct ResourceLedger.DomainKind
@_exported public import struct ResourceLedger.LedgerError
@_exported public import protocol ResourceLedger.ResourceDomain
@_exported public import enum ResourceLedger.ResourceDomains
@_exported public import struct ResourceLedger.Site
