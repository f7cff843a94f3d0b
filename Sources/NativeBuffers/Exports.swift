// SPDX-License-Identifier: Apache-2.0

// Users of buffers name arenas, sites and errors: they get them with this one import.
@_exported public import struct ResourceLedger.LedgerError
@_exported public import struct ResourceLedger.Site
