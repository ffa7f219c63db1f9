export { startKafka, type LocalKafka, type LocalKafkaOptions } from './local-kafka.js';
export { startMongo, type LocalMongo, type LocalMongoOptions } from './local-mongo.js';
export { sharedKafka, sharedMongo } from './engines-of-this-run.js';
export { startTcpProxy, type TcpProxy } from './tcp-proxy.js';
export { provisionKafka, provisionMongo } from './provision.js';
export { freePorts } from './free-ports.js';
