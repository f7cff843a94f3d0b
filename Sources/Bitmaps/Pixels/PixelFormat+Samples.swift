// SPDX-License-Identifier: Apache-2.0

import CPixelKernels

extension PixelFormat {
  /// The format as the kernels for samples of any depth take it.
  var samples: cpixel_samples {
    let depth =
      switch channel {
      case .uint8: CPIXEL_8_BIT
      case .uint16: CPIXEL_16_BIT
      case .float32: CPIXEL_FLOAT
      }
    let alpha = !hasAlpha ? CPIXEL_OPAQUE : isPremultiplied ? CPIXEL_PREMULTIPLIED : CPIXEL_STRAIGHT
    return cpixel_samples(depth: depth, alpha: alpha, channels: channelCount)
  }

  /// The value of a channel at its full intensity, in the channel's own units.
  var fullValue: Double {
    switch channel {
    case .uint8: 255
    case .uint16: 65_535
    case .float32: 1
    }
  }

  /// Whether the faster kernels for bytes support the format. They support alpha only as the last of four channels, and
  /// only if colours are not multiplied by it.
  var hasByteKernels: Bool { plainChannelCount != nil || kind == .bgra8 }
}
