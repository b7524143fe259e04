/**
 * Requests that two readers of HTTP have understood differently, as they were published against proxies and servers since 2005. Each is
 * whole: whoever would wait for more of it has taken it for something else.
 */
export const SMUGGLED: Readonly<Record<string, string>> = {
  "a length and chunks":
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "chunks and a length":
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
  "two lengths": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
  "two lengths that agree": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
  "two lengths in one field": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n",
  "a length with a sign": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
  "a length below zero": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
  "a length in hexadecimal": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n",
  "a length that no number holds":
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
  "an empty length": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
  "two codings":
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
  "chunked behind another coding":
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
  "chunked twice": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
  "a coding that is almost chunked":
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
  "chunked in quotes": 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
  "chunked behind a vertical tab":
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n",
  "a blank before the colon": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
  "a tab before the colon": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length\t: 5\r\n\r\n",
  "a folded field": "POST / HTTP/1.1\r\nHost: a\r\nX: b\r\n Content-Length: 5\r\n\r\n",
  "a first field that is folded": "GET / HTTP/1.1\r\n Host: b\r\nHost: a\r\n\r\n",
  "a field without a colon": "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
  "a field without a name": "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
  "a zero byte in a field": "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
  "a zero byte in a name": "GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n",
  "a name with a bracket": "GET / HTTP/1.1\r\nHost: a\r\nX[: b\r\n\r\n",
  "a line that ends by LF": "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
  "a head that ends by LF LF": "GET / HTTP/1.1\nHost: a\n\n",
  "CR within a value": "GET / HTTP/1.1\r\nHost: a\r\nX: a\rContent-Length: 5\r\n\r\n",
  "two hosts": "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
  "two hosts that agree": "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
  "no host": "GET / HTTP/1.1\r\nX: a\r\n\r\n",
  "a host with a user": "GET / HTTP/1.1\r\nHost: b@a\r\n\r\n",
  "a host with a path": "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
  "an empty host": "GET / HTTP/1.1\r\nHost:\r\n\r\n",
  "a target of another host": "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
  "a target with a user": "GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n",
  "a target that is no path": "GET api HTTP/1.1\r\nHost: a\r\n\r\n",
  "a target for tunnels": "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
  "a target with a fragment": "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
  "a blank in the target": "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
  "two blanks before the target": "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
  "a tab before the target": "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
  "bytes beyond ASCII in the target": "GET /\u00e9 HTTP/1.1\r\nHost: a\r\n\r\n",
  "HTTP/1.0": "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
  "HTTP/2.0 in words": "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
  "HTTP in small letters": "GET / http/1.1\r\nHost: a\r\n\r\n",
  "a version with more digits": "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
  "no version": "GET /\r\nHost: a\r\n\r\n",
  "a method in small letters": "get / HTTP/1.1\r\nHost: a\r\n\r\n",
  "an empty line first": "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "a byte order mark first": "\u00ef\u00bb\u00bfGET / HTTP/1.1\r\nHost: a\r\n\r\n",
};

/** Bodies in chunks that have been read in two ways. */
export const SMUGGLED_CHUNKS: Readonly<Record<string, string>> = {
  "a chunk with an extension": "1;a=b\r\nx\r\n0\r\n\r\n",
  "an extension that hides a line end": "1;\nx\r\n0\r\n\r\n",
  "a size with a blank behind it": "1 \r\nx\r\n0\r\n\r\n",
  "a size with a blank before it": " 1\r\nx\r\n0\r\n\r\n",
  "a size in hexadecimal words": "0x1\r\nx\r\n0\r\n\r\n",
  "a size with a sign": "+1\r\nx\r\n0\r\n\r\n",
  "a size below zero": "-1\r\nx\r\n0\r\n\r\n",
  "a size that overflows": "100000001\r\nx\r\n0\r\n\r\n",
  "no size": "\r\nx\r\n0\r\n\r\n",
  "a size that ends by LF": "1\nx\r\n0\r\n\r\n",
  "a size that ends by CR": "1\rx\r\n0\r\n\r\n",
  "a chunk that ends by LF": "1\r\nx\n0\r\n\r\n",
  "a chunk that is longer than it says": "1\r\nxy\r\n0\r\n\r\n",
  "a chunk that is shorter than it says": "3\r\nx\r\n0\r\n\r\n",
  trailers: "0\r\nContent-Length: 5\r\n\r\n",
  "a last chunk that ends by LF": "0\r\n\n",
  "an underscore in the size": "1_0\r\nx\r\n0\r\n\r\n",
};
