// SPDX-License-Identifier: Apache-2.0

// A client's own pixel type needs these names. This module's import includes them.
@_exported public import protocol NativeBuffers.NativeElement
@_exported public import struct NativeBuffers.AnyBitPattern
