// Socket.IO with its Redis streams adapter; WebSocket only, nothing compressed.
import { createServer } from "node:http";
import { createClient } from "redis";
import { Server } from "socket.io";
import { createAdapter } from "@socket.io/redis-streams-adapter";

const redis = createClient({ url: process.env.REDIS_URL });
await redis.connect();
const http = createServer();
const io = new Server(http, {
  adapter: createAdapter(redis, { readCount: 1000, onlyPlaintext: true }),
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
});
io.on("connection", (socket) => {
  const channel = socket.handshake.query.channel;
  if (channel) socket.join(channel);
  socket.conn.request = null; // as its guide on memory says
});
http.listen({ port: Number(process.env.PORT), host: "127.0.0.1", backlog: 4096 });
