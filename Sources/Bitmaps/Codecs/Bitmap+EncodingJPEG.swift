public import NativeBuffers

extension Bitmap {
  /// The bitmap as a baseline JPEG, in a native buffer, with the ICC data of ``colorProfile``, as all formats that can
  /// hold it.
  ///
  /// JPEG knows no alpha and 8 bits a channel: transparent pixels are laid on white, and more bits are rounded, which
  /// costs a copy of the picture.
  ///
  /// - Parameters:
  ///   - quality: 1 to 100, on libjpeg's scale. From 90 on, files grow much faster than they gain.
  ///   - maximumByteCount: The most that the file may have; more throws `limitExceeded` with the size it would have.
  /// - Throws: `invalidArgument`, `limitExceeded`, `outOfMemory`, `pixelsUnavailable`, `cancelled`; `unsupported` where a
  ///   side is beyond JPEG's 65,500.
  public func encodedJPEG(
    quality: Int = 85, maximumByteCount: Int = .max, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> EncodedPicture {
    try encoded(
      as: .jpeg(quality: quality), maximumByteCount: maximumByteCount, arena: arena, file: file, line: line,
      function: function)
  }

  /// Writes the bitmap as a JPEG file, at once or not at all.
  ///
  /// The bytes go to a temporary file in the same folder, `.bitmap-<process>-<number>.tmp`, which then takes the name; on
  /// any error it is removed, and a file that had the name is untouched. Readers see the old file or the new one, never a
  /// part. Not promised: that the file survives a loss of power right after.
  ///
  /// A file that is replaced keeps its mode, without set-user-ID and the like, and its owner and group as far as this
  /// process may set them; where the group cannot be kept, the new one gets no more rights than everybody. Not kept:
  /// access control lists, extended attributes, other hard links. (Where there was such a list, the mode's bits for the
  /// group are its mask: what the group may do then.) A symbolic link is replaced itself, as Foundation's atomic writing
  /// does, and what it led to stays as it is; one into `/dev` or `/proc`, as `/dev/stdout` is one, is refused.
  ///
  /// Beyond the process's limit for files (`ulimit -f`) the kernel sends SIGXFSZ, which ends a process that does not
  /// ignore it, and then the temporary file stays. Where the signal is ignored, the error is thrown.
  ///
  /// - Throws: as ``encodedJPEG(quality:maximumByteCount:arena:file:line:function:)``, and `unwritableFile`, also where the
  ///   path leads to a folder, pipe, socket or device: none of them is replaced.
  public func writeJPEG(
    toFileAt path: String, quality: Int = 85, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    try write(.jpeg(quality: quality), toFileAt: path, origin: origin)
  }

  /// The same with a comment in the file's header, of at most 65,533 bytes of UTF-8 and without a NUL.
  package func writeJPEG(
    toFileAt path: String, quality: Int, comment: String?, arena: Arena?,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    try write(.jpeg(quality: quality, comment: comment), toFileAt: path, origin: origin)
  }
}
