// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

extension Bitmap {
  /// The bitmap as a baseline JPEG, in a native buffer. The file contains the ICC data of ``colorProfile``, as in every
  /// format that can hold it.
  ///
  /// JPEG has no alpha, and 8 bits a channel: transparent pixels are laid on white, and more bits are rounded, which
  /// costs a copy of the picture.
  ///
  /// - Parameters:
  ///   - quality: 1 to 100, on libjpeg's scale. From 90 on, the size of files grows much faster than their quality.
  ///   - maximumByteCount: The greatest size of the file. A larger file throws `limitExceeded` with the size it would
  ///     have.
  ///   - arena: Where memory comes from.
  ///   - file: The caller's file, for reports. Leave it out.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  /// - Throws: `invalidArgument` if an argument is out of range; `limitExceeded` if the file would be larger than
  ///   `maximumByteCount`; `outOfMemory` if there is no memory for the codec or the result; `pixelsUnavailable` if the
  ///   bitmap was disposed or is being written; `cancelled` if the calling task is cancelled; `unsupported` if a side
  ///   is greater than JPEG's 65,500.
  public func encodedJPEG(
    quality: Int = 85, maximumByteCount: Int = .max, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> EncodedPicture {
    try encoded(
      as: .jpeg(quality: quality), maximumByteCount: maximumByteCount, arena: arena, file: file, line: line,
      function: function)
  }

  /// Writes the bitmap as a JPEG file, completely or not at all.
  ///
  /// The bytes go to a temporary file in the same folder, `.bitmap-<process>-<number>.tmp`, which is then renamed. On
  /// any error it is removed, and a file that had the name is unchanged. Readers see the old file or the new one, never
  /// a part. It is not promised that the file survives a loss of power right after.
  ///
  /// A file that is replaced keeps its mode, without set-user-ID and similar bits, and its owner and group as far as
  /// this process may set them. If the group cannot be kept, its members get no more rights than all other users.
  /// Access control lists, extended attributes and other hard links are not kept. (If there was an access control list,
  /// the mode's bits for the group are the list's mask, and the group gets these rights.) If `path` is a symbolic link,
  /// the link itself is replaced, as by Foundation's atomic writing, and its target stays as it is. A link into `/dev`
  /// or `/proc`, such as `/dev/stdout`, is refused.
  ///
  /// If the file exceeds the process's limit for files (`ulimit -f`), the kernel sends SIGXFSZ. The signal ends a
  /// process that does not ignore it, and then the temporary file stays. If the signal is ignored, the error is thrown.
  ///
  /// - Throws: As ``encodedJPEG(quality:maximumByteCount:arena:file:line:function:)``; `unwritableFile` if the file
  ///   cannot be created or written, or if the path leads to a folder, pipe, socket or device, which are never
  ///   replaced.
  public func writeJPEG(
    toFileAt path: String, quality: Int = 85, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    try write(.jpeg(quality: quality), toFileAt: path, context: context)
  }

  /// The same with a comment in the file's header: at most 65,533 bytes of UTF-8, without a NUL.
  package func writeJPEG(
    toFileAt path: String, quality: Int, comment: String?, arena: Arena?,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    let encoding = PictureEncoding(encoder: JPEGEncoder(quality: quality, comment: comment))
    try write(encoding, toFileAt: path, context: context)
  }
}
