// SPDX-License-Identifier: Apache-2.0

// Programs that audit use reports, books and findings. This export saves them a second import.
@_exported public import LedgerReading
