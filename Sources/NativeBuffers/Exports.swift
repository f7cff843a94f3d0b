// SPDX-License-Identifier: Apache-2.0

// Programs that use buffers need the names of sites and ledger errors, may put the ledger into a file, and mark what
// they keep on purpose. This module's import includes these names.
@_exported public import enum ResourceLedger.LedgerFile
@_exported public import enum ResourceLedger.ProcessLifetime
@_exported public import protocol ResourceLedger.CacheableResource
@_exported public import struct ResourceLedger.LedgerError
@_exported public import struct ResourceLedger.Site
