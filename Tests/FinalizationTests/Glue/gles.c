// SPDX-License-Identifier: Apache-2.0

// Textures on an OpenGL ES context without a window. Call every function on the thread that called gles_start.
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES3/gl3.h>
#include <stdlib.h>

int gles_start(void) {
  setenv("EGL_PLATFORM", "surfaceless", 1);
  setenv("LIBGL_ALWAYS_SOFTWARE", "1", 1);
  EGLDisplay display = eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, 0);
  if (display == EGL_NO_DISPLAY || !eglInitialize(display, 0, 0)) return 1;
  if (!eglBindAPI(EGL_OPENGL_ES_API)) return 2;
  EGLint attributes[] = {EGL_CONTEXT_MAJOR_VERSION, 3, EGL_NONE};
  EGLContext context = eglCreateContext(display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attributes);
  if (context == EGL_NO_CONTEXT) return 3;
  return eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context) ? 0 : 4;
}

unsigned gles_make_texture(int width, int height) {
  GLuint name = 0;
  glGenTextures(1, &name);
  glBindTexture(GL_TEXTURE_2D, name);
  glTexStorage2D(GL_TEXTURE_2D, 1, GL_RGBA8, width, height);
  glBindTexture(GL_TEXTURE_2D, 0);
  return glGetError() == GL_NO_ERROR ? name : 0;
}

void gles_delete_texture(unsigned name) { glDeleteTextures(1, &name); }

// The driver's own count of textures with the names 1 to `limit`. It is 0 if the thread has no current context.
int gles_count_textures(unsigned limit) {
  int count = 0;
  for (unsigned name = 1; name <= limit; name++) count += glIsTexture(name) ? 1 : 0;
  return count;
}
