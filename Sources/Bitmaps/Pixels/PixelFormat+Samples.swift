import CPixelKernels

extension PixelFormat {
  /// The format as the kernels over rows of any samples take it.
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

  /// The value of a channel that is wholly on, in its own units.
  var fullValue: Double {
    switch channel {
    case .uint8: 255
    case .uint16: 65_535
    case .float32: 1
    }
  }

  /// Whether the kernels for bytes, which are faster, know it: where there is alpha, four straight channels.
  var hasByteKernels: Bool { plainChannelCount != nil || kind == .bgra8 }
}
