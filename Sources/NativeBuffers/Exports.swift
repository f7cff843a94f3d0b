// Users of buffers name arenas, sites and errors: they get them with this one import.
@_exported public import struct JemallocArenas.ArenaError
@_exported public import class JemallocArenas.Arena
@_exported public import struct JemallocArenas.ArenaCounts
@_exported public import enum JemallocArenas.SizeClass
@_exported public import struct ResourceLedger.LedgerError
@_exported public import struct ResourceLedger.Site
