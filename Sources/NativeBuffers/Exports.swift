// SPDX-License-Identifier: Apache-2.0

// Programs that use buffers need the names of sites and ledger errors. This module's import includes them.
@_exported public import struct ResourceLedger.LedgerError
@_exported public import struct ResourceLedger.Site
