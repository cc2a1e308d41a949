# The app. Jobs run in GitHub Actions, so there is no harness, no sandbox and no key in here.
FROM node:24.21.0-bookworm-slim AS build
# For what the app keeps. It is copied below, since a copy can say whose it is.
WORKDIR /data
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts
COPY LICENSE app.yml ./
COPY src src

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production AGENT_POOL_DATA=/data/store
COPY --from=build /app /app
COPY --from=build --chown=node:node /data /data
# `.env` is read here, and written by the page that makes the GitHub App.
WORKDIR /data
VOLUME /data
USER node
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node itself, and not npm, so that it hears when it is to stop.
CMD ["node", "/app/src/main.ts"]
