// Exit 0 when this container's process is ready; for HEALTHCHECK, without curl in the image.
const port = process.env.RAPPORT_HTTP_PORT ?? '8080';
try {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(3000) });
  if (!response.ok) console.error(await response.text());
  process.exit(response.ok ? 0 : 1);
} catch (error) {
  console.error(`expected an answer on port ${port}: ${error.message}`);
  process.exit(1);
}
