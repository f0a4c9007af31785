import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { answersOf } from '../desk.ts';
import type { Evidence } from '../evidence.ts';
import { finding, type Page } from '../invariants.ts';

/** Whoever was told that they are signed up is known. */
export async function checkSignUps({ sql, acknowledged }: Evidence): Promise<Page> {
  const { createUser } = UserService.method;
  const people = answersOf(acknowledged, createUser).map(({ response }) => response.user!);
  const strangers = await sql`
    select user_id from unnest(${people.map(({ userId }) => userId)}::uuid[],
        ${people.map(({ email }) => email)}::text[]) as told (user_id, email)
      left join platform_user.app_user u using (user_id, email)
    where u.status is null`;
  return { lines: [], findings: [finding('whoever signed up is known', strangers)] };
}
