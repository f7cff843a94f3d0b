// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

extension NativeBuffer: CustomStringConvertible {
  /// Size, state and origin in one line: "NativeBuffer(33,177,600 bytes, live, created at Demo/Pipeline.swift:88)".
  public var description: String {
    let site = site
    return "NativeBuffer(\(byteCount.grouped) bytes, \(isDisposed ? "disposed" : "live"), created at "
      + "\(site.file):\(site.line))"
  }
}
