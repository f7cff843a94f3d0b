// SPDX-License-Identifier: Apache-2.0

/// The formats that can be decoded. A new one gets a conformance to ``PictureCodec``, and a row here.
enum PictureCodecs {
  static let all: [any PictureCodec.Type] = [
    JPEGCodec.self,
    PNGCodec.self,
    WebPCodec.self,
    NetpbmCodec.self,
  ]
}
