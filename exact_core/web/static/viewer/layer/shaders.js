// @ts-check
/**
 * The programs of the GPU.
 *
 * No vertex attributes: each program reads texels by the number of its vertex, so a shape is stored once and is an
 * outline, an area or a row of thin lines as the draw call says. Positions become device px in the vertex shader.
 */

const HEAD = `#version 300 es
precision highp float;
precision highp int;
uniform highp sampler2D u_texels;
uniform int u_shift;  // the texels lie in rows of 2 ** u_shift
uniform int u_first;
uniform sampler2D u_types;
uniform sampler2D u_authors;
uniform bool u_everyone;  // no author is switched off
uniform mat2 u_matrix;
uniform vec2 u_origin;
uniform vec2 u_screen;

const vec4 NOWHERE = vec4(2.0, 2.0, 2.0, 1.0);

vec4 texel(int i) {
  int row = i >> u_shift;
  return texelFetch(u_texels, ivec2(i - (row << u_shift), row), 0);
}

// Alpha 0 says that nothing is drawn: suppressed, type or author switched off.
vec4 colorOf(float style) {
  if (style < 0.0) return vec4(0.0);
  int s = int(style + 0.5);
  int type = s & 4095;
  vec4 color = texelFetch(u_types, ivec2(type & 63, type >> 6), 0);
  if (!u_everyone) {
    int author = s >> 12;
    color.a *= texelFetch(u_authors, ivec2(author & 63, author >> 6), 0).r;
  }
  return color.a > 0.5 ? vec4(color.rgb, 1.0) : vec4(0.0);
}

vec2 toPixel(vec2 offset) {
  return u_matrix * offset + u_origin;
}

vec4 toClip(vec2 pixel) {
  return vec4(pixel / u_screen * vec2(2.0, -2.0) + vec2(-1.0, 1.0), 0.0, 1.0);
}
`;

/** A segment as a quad with round ends, whose distance the fragment shader turns into smooth edges. */
const SEGMENT = `
uniform float u_half;
out vec2 v_along;
flat out float v_length;
flat out vec4 v_color;

void segment(vec2 a, vec2 b, int corner, vec4 color) {
  vec2 d = b - a;
  float len = length(d);
  vec2 u = len > 0.0001 ? d / len : vec2(1.0, 0.0);
  vec2 n = vec2(-u.y, u.x);
  float reach = u_half + 0.5;  // beyond it the coverage is 0
  float along = (corner & 1) == 0 ? -reach : len + reach;
  float across = (corner & 2) == 0 ? -reach : reach;
  v_along = vec2(along, across);
  v_length = len;
  v_color = color;
  gl_Position = toClip(a + u * along + n * across);
}
`;

const ELLIPSE = `
uniform int u_segments;
const float TURN = 6.283185307179586;

vec2 onEllipse(vec4 corners, int step) {
  float angle = TURN * float(step) / float(u_segments);
  return toPixel((corners.xy + corners.zw) * 0.5 + (corners.zw - corners.xy) * 0.5 * vec2(cos(angle), sin(angle)));
}
`;

export const OUTLINE_VERTEX = `${HEAD}${SEGMENT}
void main() {
  int i = u_first + (gl_VertexID >> 2);
  vec4 here = texel(i);
  vec4 color = here.w == 0.0 ? vec4(0.0) : colorOf(here.z);
  if (color.a == 0.0) {
    gl_Position = NOWHERE;
    return;
  }
  segment(toPixel(here.xy), toPixel(texel(i + 1).xy), gl_VertexID & 3, color);
}
`;

export const ELLIPSE_VERTEX = `${HEAD}${SEGMENT}${ELLIPSE}
void main() {
  int quad = u_first + (gl_VertexID >> 2);
  int ellipse = quad / u_segments;
  int step = quad % u_segments;
  vec4 color = colorOf(texel(2 * ellipse + 1).x);
  if (color.a == 0.0) {
    gl_Position = NOWHERE;
    return;
  }
  vec4 corners = texel(2 * ellipse);
  segment(onEllipse(corners, step), onEllipse(corners, step + 1), gl_VertexID & 3, color);
}
`;

export const OUTLINE_FRAGMENT = `#version 300 es
precision highp float;
uniform float u_half;
in vec2 v_along;
flat in float v_length;
flat in vec4 v_color;
out vec4 color;

void main() {
  float beyond = max(max(-v_along.x, v_along.x - v_length), 0.0);
  float coverage = clamp(u_half + 0.5 - length(vec2(beyond, v_along.y)), 0.0, 1.0);
  color = vec4(v_color.rgb, 1.0) * coverage;
}
`;

/** One device px, no smoothing: for views with so many segments that quads cost too much. */
export const THIN_VERTEX = `${HEAD}
flat out vec4 v_color;
void main() {
  int i = u_first + (gl_VertexID >> 1);
  vec4 here = texel(i);
  v_color = here.w == 0.0 ? vec4(0.0) : colorOf(here.z);
  if (v_color.a == 0.0) {
    gl_Position = NOWHERE;
    return;
  }
  gl_Position = toClip(toPixel((gl_VertexID & 1) == 0 ? here.xy : texel(i + 1).xy));
}
`;

export const FLAT_FRAGMENT = `#version 300 es
precision mediump float;
flat in vec4 v_color;
out vec4 color;
void main() {
  color = v_color;
}
`;

/** Fans from each ring's first vertex; the stencil counts how often they wind around a pixel. */
export const FILL_VERTEX = `${HEAD}
void main() {
  int i = u_first + gl_VertexID / 3;
  int corner = gl_VertexID % 3;
  vec4 here = texel(i);
  if (here.w <= 0.0 || colorOf(here.z).a == 0.0) {
    gl_Position = NOWHERE;
    return;
  }
  float link = floor(here.w);
  int flip = here.w - link > 0.25 ? 1 : 0;
  int at = corner == 0 ? i - int(link) + 1 : i + (corner == 1 ? flip : 1 - flip);
  gl_Position = toClip(toPixel(texel(at).xy));
}
`;

export const FILL_ELLIPSE_VERTEX = `${HEAD}${ELLIPSE}
uniform int u_only;
void main() {
  int triangle = u_first + gl_VertexID / 3;
  int corner = gl_VertexID % 3;
  int ellipse = triangle / u_segments;
  int step = triangle % u_segments;
  float style = texel(2 * ellipse + 1).x;
  if (colorOf(style).a == 0.0 || (int(style + 0.5) & 4095) != u_only) {
    gl_Position = NOWHERE;
    return;
  }
  vec4 corners = texel(2 * ellipse);
  gl_Position = toClip(corner == 0 ? toPixel((corners.xy + corners.zw) * 0.5) : onEllipse(corners, step + corner - 1));
}
`;

export const NOTHING_FRAGMENT = `#version 300 es
precision mediump float;
out vec4 color;
void main() {
  color = vec4(0.0);
}
`;

export const COVER_VERTEX = `#version 300 es
precision highp float;
void main() {
  gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0);
}
`;

export const COVER_FRAGMENT = `#version 300 es
precision mediump float;
uniform vec4 u_color;
out vec4 color;
void main() {
  color = u_color;
}
`;

export const POINT_VERTEX = `${HEAD}
uniform float u_radius;
flat out vec4 v_color;
void main() {
  vec4 here = texel(u_first + gl_VertexID);
  v_color = colorOf(here.z);
  gl_Position = v_color.a == 0.0 ? NOWHERE : toClip(toPixel(here.xy));
  gl_PointSize = 2.0 * u_radius + 1.0;
}
`;

/** A disc; with a border it has a white rim, so that it shows on any tissue. */
export const POINT_FRAGMENT = `#version 300 es
precision highp float;
uniform float u_radius;
uniform float u_border;
flat in vec4 v_color;
out vec4 color;
void main() {
  float away = length(gl_PointCoord - 0.5) * (2.0 * u_radius + 1.0);
  float coverage = clamp(u_radius + 0.5 - away, 0.0, 1.0);
  float rim = u_border > 0.0 ? clamp(away - (u_radius - u_border) + 0.5, 0.0, 1.0) : 0.0;
  color = vec4(mix(v_color.rgb, vec3(1.0), rim), 1.0) * coverage;
}
`;

/** A square of 2 device px with smooth edges: a dot of a crowd, a third cheaper than the disc that it stands for. */
export const SPECK_FRAGMENT = `#version 300 es
precision highp float;
flat in vec4 v_color;
out vec4 color;
void main() {
  vec2 overlap = clamp(1.5 - abs(gl_PointCoord * 3.0 - 1.5), 0.0, 1.0);
  color = v_color * (overlap.x * overlap.y);
}
`;
export const SPECK_RADIUS = 1;

export const HEAT_VERTEX = `#version 300 es
precision highp float;
uniform mat2 u_matrix;
uniform vec2 u_origin;
uniform vec2 u_screen;
uniform vec2 u_size;
out vec2 v_uv;
void main() {
  v_uv = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1));
  vec2 pixel = u_matrix * (v_uv * u_size) + u_origin;
  gl_Position = vec4(pixel / u_screen * vec2(2.0, -2.0) + vec2(-1.0, 1.0), 0.0, 1.0);
}
`;

/** A cubic B-spline through four bilinear samples: cells melt into each other. */
export const HEAT_FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D u_heat;
in vec2 v_uv;
out vec4 color;

vec4 weights(float t) {
  float s = 1.0 - t;
  float t2 = t * t;
  return vec4(s * s * s, 4.0 - 6.0 * t2 + 3.0 * t2 * t, 4.0 - 6.0 * s * s + 3.0 * s * s * s, t2 * t) / 6.0;
}

void main() {
  vec2 size = vec2(textureSize(u_heat, 0));
  vec2 place = v_uv * size - 0.5;
  vec2 part = fract(place);
  vec2 base = place - part;
  vec4 wx = weights(part.x);
  vec4 wy = weights(part.y);
  vec2 low = vec2(wx.x + wx.y, wy.x + wy.y);
  vec2 high = vec2(wx.z + wx.w, wy.z + wy.w);
  vec2 a = (base - 0.5 + vec2(wx.y, wy.y) / low) / size;
  vec2 b = (base + 1.5 + vec2(wx.w, wy.w) / high) / size;
  color = low.y * (low.x * texture(u_heat, a) + high.x * texture(u_heat, vec2(b.x, a.y)))
    + high.y * (low.x * texture(u_heat, vec2(a.x, b.y)) + high.x * texture(u_heat, b));
}
`;
