import CImageCodecs

extension PixelFormat {
  /// The format as the kernels over rows of any samples take it.
  var samples: cpixel_samples {
    cpixel_samples(depth: CPIXEL_8_BIT, alpha: hasAlpha ? CPIXEL_STRAIGHT : CPIXEL_OPAQUE, channels: channelCount)
  }

  /// The value of a channel that is wholly on, in its own units.
  var fullValue: Double {
    switch samples.depth {
    case CPIXEL_8_BIT: 255
    case CPIXEL_16_BIT: 65_535
    default: 1
    }
  }
}
